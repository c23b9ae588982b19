"""Digest against the examples of the standards."""

from __future__ import annotations

import pytest

from gateway.credentials import Secret
from gateway.web.digest import Challenge, Digest, challenge, offers_basic

BOTH = [
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
]
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("offered", "response"),
    [
        (BOTH, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),  # RFC 7616 3.9.1
        (BOTH[1:], "8ca523f5e9506fed4657c9700eebdbec"),
    ],
)
def test_the_example_of_rfc_7616(offered: list[str], response: str) -> None:
    digest = Digest("Mufasa", Secret("Circle of Life"))
    assert digest.headers("GET", "/dir/index.html") == {}, "nothing before it is asked for"
    assert digest.challenged(offered)
    said = digest.headers("GET", "/dir/index.html", cnonce=CNONCE)["Authorization"]
    assert f'response="{response}"' in said
    assert "nc=00000001" in said
    assert "nc=00000002" in digest.headers("GET", "/dir/index.html")["Authorization"]
    assert "Circle" not in said


def test_the_old_form_without_qop() -> None:
    """RFC 2069 2.4, with the response as corrected by its erratum 749."""
    digest = Digest("Mufasa", Secret("CircleOfLife"))
    digest.challenged(
        [
            'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
        ]
    )
    said = digest.headers("GET", "/dir/index.html")["Authorization"]
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in said
    assert "nc=" not in said


def test_several_schemes_in_one_header_and_what_cannot_be_answered() -> None:
    assert challenge(['Basic realm="x", Digest realm="a, b", nonce="n\\"1", qop="auth"']) == Challenge(
        "a, b", 'n"1'
    )
    assert challenge(['Digest realm="a", nonce="n", algorithm=SHA-512-256']) is None
    assert challenge(['Digest realm="a", nonce="n", qop="auth-int"']) is None
    assert challenge(['Digest realm="a"', "Bearer x", ""]) is None
    assert offers_basic(['Digest realm="Basic", nonce="1"']) is False
    assert offers_basic(['Basic realm="x"'])
