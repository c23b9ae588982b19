"""A page as a PDF: WeasyPrint (BSD), an extra; it needs Pango and a font with Chinese signs from the system."""

from __future__ import annotations

from gateway.errors import Fault, SettingsError

REMEDY = (
    "pip install 'village-gateway[report]' and apt install libpango-1.0-0 libpangoft2-1.0-0 fonts-wqy-microhei;"
    " the HTML needs neither"
)


def printed(html: str) -> bytes:
    """The PDF.

    Raises:
        SettingsError: The extra or Pango is not installed.
    """
    try:
        import weasyprint  # noqa: PLC0415 - an extra, and half a second
    except (ImportError, OSError) as error:  # OSError: the package is there, Pango is not
        raise SettingsError(
            Fault("", 0, "--pdf", f"WeasyPrint cannot be used ({error})"[:300], REMEDY)
        ) from error
    found: bytes = weasyprint.HTML(string=html, url_fetcher=_nothing).write_pdf()
    return found


def _nothing(url: str) -> dict[str, object]:
    raise ValueError(f"a report fetches nothing: {url}")
