"""Tencent Cloud's API 3.0: the signature TC3-HMAC-SHA256, and what its error codes mean for us.

Sources: cloud.tencent.com "signature method v3" (request and worked example); error codes api/382/59177 and
product/1128 (SMS 2021-01-11, VMS 2020-09-02). An error comes with HTTP 200, in ``Response.Error``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.credentials import Secret
from gateway.errors import Retry
from gateway.notify.cloud import Verdict, broken, host_of, post, retry, said, undeliverable

ALGORITHM = "TC3-HMAC-SHA256"
CONTENT_TYPE = "application/json; charset=utf-8"

_MONEY = "the package is used up, or the account owes money: pay in"
CODES: dict[str, Verdict] = {
    "FailedOperation.InsufficientBalanceInSmsPackage": broken(_MONEY),
    "FailedOperation.InsufficientBalanceInVoicePackage": broken(_MONEY),
    "UnauthorizedOperation.SerivceSuspendDueToArrears": broken(_MONEY),  # spelt so by the provider
    "UnauthorizedOperation.ServiceSuspendDueToArrears": broken(_MONEY),
    "FailedOperation.SignatureIncorrectOrUnapproved": broken(
        "the signature is not approved, or written differently"
    ),
    "FailedOperation.MissingSignature": broken("there is no signature yet"),
    "FailedOperation.TemplateIncorrectOrUnapproved": broken(
        "the template is not approved, or its variables differ"
    ),
    "FailedOperation.MissingTemplateList": broken("the template is not approved"),
    "FailedOperation.NotEnterpriseCertification": broken("only a certified enterprise may do this"),
    "FailedOperation.PhonenumberUnappliedOrExpired": broken("the calling number has expired"),
    "InvalidParameterValue.SdkAppIdNotExist": broken("there is no such application: look at `app_id`"),
    "InvalidParameterValue.SdkAppidNotExist": broken("there is no such application: look at `app_id`"),
    "LimitExceeded.AppDailyLimit": broken(
        "the day's limit of the application is used up: raise it in the console"
    ),
    "LimitExceeded.DailyLimit": broken("the day's limit is used up"),
    "LimitExceeded.PhoneNumberThirtySecondLimit": retry("this number has had one in the last 30 seconds", 30),
    "LimitExceeded.PhoneNumberOneHourLimit": retry("this number has had too many in this hour", 3600),
    "LimitExceeded.DeliveryFrequencyLimit": retry("this number has had too many", 60),
    "LimitExceeded.PhoneNumberDailyLimit": undeliverable("this number has had its day's share"),
    "LimitExceeded.PhoneNumberSameContentDailyLimit": undeliverable(
        "this number has had the same text too often"
    ),
    "FailedOperation.PhoneNumberInBlacklist": undeliverable("this person refuses our messages"),
    "FailedOperation.PhoneNumberOnBlacklist": undeliverable("this person refuses our messages"),
    "FailedOperation.ContainSensitiveWord": undeliverable("the text holds a forbidden word"),
    "InvalidParameter.DirtyWordFound": undeliverable("the text holds a forbidden word"),
    "InvalidParameterValue.IncorrectPhoneNumber": undeliverable("the number is none"),
    "InvalidParameterValue.CalledNumberVerifyFail": undeliverable("the number is none"),
    "InvalidParameterValue.ContentLengthLimit": undeliverable("the text is too long"),
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": undeliverable("a variable holds a link"),
    "InvalidParameterValue.TemplateParameterFormatError": undeliverable(
        "a variable is not what the template wants"
    ),
    "InvalidParameterValue.TemplateParameterLengthLimit": undeliverable("a variable is too long"),
    "AuthFailure.SignatureExpire": retry("this machine's clock is wrong by more than five minutes"),
    "InternalError.RequestTimeException": retry("this machine's clock is wrong by more than ten minutes"),
    "InternalError.SigVerificationFail": broken("the signature of the request is not accepted"),
    "InternalError.RestApiInterfaceNotExist": broken("the provider no longer has this interface"),
}


def signed_headers(
    host: str,
    payload: bytes,
    *,
    service: str,
    action: str,
    version: str,
    region: str,
    secret_id: str,
    secret: Secret,
    at: datetime,
) -> dict[str, str]:
    """All headers of one request.

    Args:
        host: As it goes into ``Host``.
        payload: The JSON as it is sent, byte for byte.
        service: First part of the host, e.g. ``sms``.
        action: Of the interface, e.g. ``SendSms``.
        version: Of the interface, a date.
        region: Where it is handled, e.g. ``ap-guangzhou``.
        secret_id: Who we are.
        secret: Its key.
        at: Now, aware; the far end allows five minutes.
    """
    stamp = int(at.timestamp())
    date = datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d")
    names = "content-type;host;x-tc-action"
    lines = f"content-type:{CONTENT_TYPE}\nhost:{host}\nx-tc-action:{action.lower()}\n"
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(payload).hexdigest()}"
    scope = f"{date}/{service}/tc3_request"
    to_sign = f"{ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("TC3" + secret.reveal()).encode()
    for part in (date, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return {
        "Host": host,
        "Content-Type": CONTENT_TYPE,
        "X-TC-Action": action,
        "X-TC-Version": version,
        "X-TC-Region": region,
        "X-TC-Timestamp": str(stamp),
        "Authorization": f"{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={names}, Signature={signature}",
    }


def ask(
    endpoint: str,
    action: str,
    version: str,
    parameters: Mapping[str, Any],
    *,
    service: str,
    region: str,
    secret_id: str,
    secret: Secret,
    at: datetime,
    timeout_s: float,
) -> Mapping[str, Any]:
    """One action; what stands under ``Response``, when that is no error.

    Raises:
        Retry: Also Uncertain; later.
        Undeliverable: Also Broken; see :data:`CODES`.
    """
    payload = json.dumps(parameters, ensure_ascii=False).encode()
    headers = signed_headers(
        host_of(endpoint),
        payload,
        service=service,
        action=action,
        version=version,
        region=region,
        secret_id=secret_id,
        secret=secret,
        at=at,
    )
    answer = post(endpoint, "/", headers, payload, timeout_s=timeout_s)
    response = answer.body.get("Response")
    if not isinstance(response, dict):
        raise Retry(f"{action}: the answer (HTTP {answer.status}) has no Response: not the provider")
    error = response.get("Error")
    if isinstance(error, dict):
        refuse(action, str(error.get("Code", "")), error.get("Message", ""))
    return response


def refuse(action: str, code: str, message: object) -> None:
    """Raise what an error code means.

    Raises:
        Retry: Later.
        Undeliverable: Also Broken.
    """
    verdict = meaning(code)
    words = f"{action}: {verdict.words} ({said(code, message)})"
    if verdict.kind is Retry:
        raise Retry(words, timedelta(seconds=verdict.after_s) if verdict.after_s else None)
    raise verdict.kind(words)


def meaning(code: str) -> Verdict:
    """What an error code means for us; an unknown one by its family."""
    if code in CODES:
        return CODES[code]
    family = code.partition(".")[0]
    if family in {
        "RequestLimitExceeded",
        "InternalError",
        "ResourceUnavailable",
        "LimitExceeded",
        "ResourceInsufficient",
    }:
        return retry("the provider is busy or out of order")
    if family in {"AuthFailure", "UnauthorizedOperation", "IpNotInWhitelist", "IpInBlacklist"}:
        return broken("the secret id, its key or its rights are not accepted")
    if family in {"NoSuchVersion", "NoSuchProduct", "InvalidAction", "ActionOffline"}:
        return broken("the provider no longer has this interface")
    return undeliverable("refused")
