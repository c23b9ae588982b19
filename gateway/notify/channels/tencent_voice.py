"""A call by Tencent Cloud that reads an approved text.

::

    channels:
      call2:
        type: tencent_voice
        secret_id: AKIDexample
        secret_key_file: tencent-secret
        app_id: "1400006666"
        templates:
          river_high: {code: "1234", variables: {level: {kind: number}}}

The provider tells the outcome of a call only to an address of ours on the internet; there is nothing to ask.

Source: VMS 2020-09-02, SendTtsVoice (product/1128/51558). Never seen against the live service, which needs a company's
account.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.contracts import ChannelContext, Delivered
from gateway.errors import DeliveryError, Retry
from gateway.model import Notice
from gateway.notify import limits, tencent
from gateway.notify.cloud import checked_endpoint
from gateway.notify.phones import e164
from gateway.notify.telephone import Telephone, Trace, secret_of
from gateway.notify.templates import Template, fill, template_of
from gateway.schema import Duration, Strict

VERSION = "2020-09-02"
MOST = 50  # characters of a variable: a call is listened to, not read
MOST_TOGETHER = 350  # SendTtsVoice: a message has at most 350 characters


class Settings(Strict):
    """One account, its application and its templates.

    Attributes:
        secret_id: Of a sub-account that may place calls and nothing else.
        secret_key_file: Its key.
        app_id: VoiceSdkAppid of the application.
        templates: By kind of message; ``default`` for every other kind.
        play: How often the text is read.
        region: Where it is handled.
        endpoint: Where the service is.
        timeout: For one question.
    """

    secret_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{8,64}$")]
    secret_key_file: str
    app_id: Annotated[str, Field(pattern=r"^[0-9]{6,16}$")]
    templates: Annotated[dict[str, Template], Field(min_length=1)]
    play: Annotated[int, Field(ge=1, le=3)] = 2
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = "ap-guangzhou"
    endpoint: Annotated[str, AfterValidator(checked_endpoint)] = "https://vms.tencentcloudapi.com"
    timeout: Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(minutes=1))] = timedelta(
        seconds=15
    )


class Channel(Telephone):
    """Calls by Tencent Cloud."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        super().__init__(context, limits=limits.VOICE, urgent=limits.TENCENT_VOICE)
        self._settings = settings

    def _number(self, notice: Notice) -> str:
        return e164(notice.to, landline=True)

    def _check(self, notice: Notice) -> None:
        values = fill(template_of(self._settings.templates, notice), notice, most=MOST)
        together = sum(map(len, values.values()))
        if together > MOST_TOGETHER:
            raise ValueError(f"the variables have {together} characters together; at most {MOST_TOGETHER}")

    def _send(self, notice: Notice, number: str) -> Delivered:
        settings = self._settings
        template = template_of(settings.templates, notice)
        response = tencent.ask(
            settings.endpoint,
            "SendTtsVoice",
            VERSION,
            {
                "TemplateId": template.code,
                "CalledNumber": number,
                "VoiceSdkAppid": settings.app_id,
                "TemplateParamSet": list(fill(template, notice, most=MOST).values()),
                "PlayTimes": settings.play,
                "SessionContext": notice.id,
            },
            service="vms",
            region=settings.region,
            secret_id=settings.secret_id,
            secret=secret_of(settings.secret_key_file, "secret_key_file"),
            at=self._context.clock.now(),
            timeout_s=settings.timeout.total_seconds(),
        )
        status = response.get("SendStatus")
        call = str(status.get("CallId") or "") if isinstance(status, dict) else ""
        if not call:
            raise Retry("SendTtsVoice: the answer names no call: not the provider")
        return Delivered(call, "the call is placed")

    def _receipt(self, trace: Trace) -> Delivered | DeliveryError | None:
        del trace
        return None
