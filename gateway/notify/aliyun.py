"""Alibaba Cloud's RPC interface: the signature ACS3-HMAC-SHA256, and what its error codes mean for us.

Sources: help.aliyun.com "V3 request structure and signature" (request and worked example); SMS error codes
document_detail/101346; voice error codes document_detail/178344. HTTP 200 with another ``Code`` than OK is a failure.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from gateway.credentials import Secret
from gateway.errors import Retry
from gateway.notify.cloud import Verdict, broken, host_of, post, retry, said, undeliverable

ALGORITHM = "ACS3-HMAC-SHA256"
OUT_ID_LENGTH = 15  # voice: OutId has 1 to 15 bytes; the same for SMS
CHINA = timezone(timedelta(hours=8))  # dates of receipts are China's, wherever the gateway thinks it is

_MONEY = "the account has no money left, or is closed for debt: pay in"
_RIGHTS = "this AccessKey may not use the service: give its RAM user the right to"
CODES: dict[str, Verdict] = {
    "isv.OUT_OF_SERVICE": broken(_MONEY),
    "isv.AMOUNT_NOT_ENOUGH": broken(_MONEY),
    "isv.AMOUNT_NOT_ENOUG": broken(_MONEY),
    "isv.PRODUCT_UN_SUBSCRIPT": broken("the service is not opened for this account"),
    "isv.PRODUCT_UNSUBSCRIBE": broken("this part of the service is not opened for this account"),
    "isv.ACCOUNT_NOT_EXISTS": broken("there is no such account: look at the AccessKey"),
    "isv.ACCOUNT_ABNORMAL": broken("the account is not in order: look at the console"),
    "isv.SMS_TEMPLATE_ILLEGAL": broken("the template is not approved, or its code is wrong"),
    "isv.SMS_SIGNATURE_ILLEGAL": broken("the signature is not approved, or is written differently"),
    "isv.SMS_SIGN_ILLEGAL": broken("the signature may not be used"),
    "isv.SIGN_STATE_ILLEGAL": broken("the signature cannot be used at present: look at the console"),
    "isv.SMS_SIGNATURE_SCENE_ILLEGAL": broken(
        "the signature is for verification codes only, the template is not"
    ),
    "isv.TTS_TEMPLATE_ILLEGAL": broken("the voice template is not approved, or its code is wrong"),
    "isv.TEMPLATE_ILLEGAL": broken("the voice template is not approved, or its code is wrong"),
    "isv.VOICE_FILE_ILLEGAL": broken("the voice file is not approved, or its code is wrong"),
    "isv.DISPLAY_NUMBER_ILLEGAL": broken("the calling number is not ours: look at `caller`"),
    "isv.BILLID_NOT_EXIST": broken("the calling number belongs to no account: look at `caller`"),
    "isv.DENY_IP_RANGE": broken("this machine's address is not of the mainland"),
    "isv.SMS_TEST_NUMBER_LIMIT": broken(
        "a test signature reaches bound test numbers only: apply for a real one"
    ),
    "isv.TEMPLATE_MISSING_PARAMETERS": broken("the template has variables that the site file does not name"),
    "isv.MONTH_LIMIT_CONTROL": broken("the month's limit set in the console is used up"),
    "isv.DAY_LIMIT_CONTROL": broken("the day's limit set in the console is used up"),
    "isv.MOBILE_NUMBER_ILLEGAL": undeliverable("the number is none, or not served"),
    "isv.COMPLAINT_REJECT": undeliverable("this person (or his carrier) refuses our calls"),
    "isv.BLACK_KEY_CONTROL_LIMIT": undeliverable("a variable holds a forbidden word"),
    "isv.SMS_CONTENT_ILLEGAL": undeliverable("the text holds something forbidden"),
    "isv.PARAM_NOT_SUPPORT_URL": undeliverable("a variable holds a link"),
    "isv.PARAM_LENGTH_LIMIT": undeliverable("a variable is too long"),
    "isv.TEMPLATE_PARAMS_ILLEGAL": undeliverable("a variable does not fit the kind it was filed with"),
    "isv.INVALID_JSON_PARAM": undeliverable("the variables are not what the template wants"),
    "isv.INVALID_PARAMETERS": undeliverable("a parameter is wrong"),
    "isv.VOICE_CALL_FAIL": retry("the call could not be started"),
    "isp.RAM_PERMISSION_DENY": broken(_RIGHTS),
    "Forbidden.RAM": broken(_RIGHTS),
    "NoPermission": broken(_RIGHTS),
    "SignatureDoesNotMatch": broken("the AccessKey's secret is wrong"),
    "InvalidAccessKeyId.NotFound": broken("there is no such AccessKey"),
    "InvalidAccessKeyId.Inactive": broken("the AccessKey is switched off"),
    "SignatureNonceUsed": retry("the same request was seen before"),
    "InvalidTimeStamp.Expired": retry("this machine's clock is wrong by more than 15 minutes"),
    "InvalidTimeStamp.Format": retry("this machine's clock is wrong"),
}
_SPANS = (("分钟", 60.0), ("MINUTE", 60.0), ("小时", 3600.0), ("HOUR", 3600.0))


def percent(text: str) -> str:
    """RFC 3986: all but letters, digits and ``-_.~``."""
    return quote(text, safe="-_.~")


def query_of(parameters: Mapping[str, str]) -> str:
    """The canonical query string: sorted by name, both sides encoded."""
    return "&".join(f"{percent(name)}={percent(value)}" for name, value in sorted(parameters.items()))


def signed_headers(
    host: str, query: str, *, action: str, version: str, key_id: str, secret: Secret, at: datetime, nonce: str
) -> dict[str, str]:
    """All headers of one request with an empty body.

    Args:
        host: As it goes into ``Host``.
        query: See :func:`query_of`.
        action: Of the interface, e.g. ``SendSms``.
        version: Of the interface, a date.
        key_id: AccessKey id.
        secret: Its secret.
        at: Now; the far end allows 15 minutes.
        nonce: Never used before.
    """
    digest = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": digest,
        "x-acs-date": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n/\n{query}\n{lines}\n{names}\n{digest}"
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.reveal().encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = f"{ALGORITHM} Credential={key_id},SignedHeaders={names},Signature={signature}"
    return headers


def ask(
    endpoint: str,
    action: str,
    version: str,
    parameters: Mapping[str, str],
    *,
    key_id: str,
    secret: Secret,
    at: datetime,
    timeout_s: float,
) -> Mapping[str, Any]:
    """One action and its answer, already judged by ``Code``.

    Raises:
        Retry: Also Uncertain; later.
        Undeliverable: Also Broken; see :data:`CODES`.
    """
    query = query_of(parameters)
    headers = signed_headers(
        host_of(endpoint),
        query,
        action=action,
        version=version,
        key_id=key_id,
        secret=secret,
        at=at,
        nonce=secrets.token_hex(16),
    )
    answer = post(endpoint, f"/?{query}", headers, b"", timeout_s=timeout_s)
    code, message = str(answer.body.get("Code", "")), answer.body.get("Message", "")
    if code == "OK":
        return answer.body
    if not code:
        raise Retry(f"{action}: the answer (HTTP {answer.status}) has no Code: not the provider")
    verdict = meaning(code, str(message))
    words = f"{action}: {verdict.words} ({said(code, message)})"
    if verdict.kind is Retry:
        raise Retry(words, timedelta(seconds=verdict.after_s) if verdict.after_s else None)
    raise verdict.kind(words)


def meaning(code: str, message: str) -> Verdict:
    """What an error code (and, for limits, its message) means for us; an unknown one by its family."""
    if "LIMIT_CONTROL" in code and code not in CODES:
        for mark, after_s in _SPANS:
            if mark in message or mark in code:
                return retry("this number has had too many; later", after_s)
        return undeliverable("this number has had its day's share")
    if code in CODES:
        return CODES[code]
    if code.startswith(("Throttling", "ServiceUnavailable", "InternalError", "isp.")):
        return retry("the provider is busy or out of order")
    if code.startswith(("InvalidAccessKey", "Forbidden", "IncompleteSignature")):
        return broken("the AccessKey is not accepted")
    return undeliverable("refused")


def out_id(notice_id: str) -> str:
    """Our id in the length that the far end takes: as it is, or its digest."""
    if 0 < len(notice_id) <= OUT_ID_LENGTH and notice_id.isascii():
        return notice_id
    return hashlib.sha256(notice_id.encode()).hexdigest()[:OUT_ID_LENGTH]
