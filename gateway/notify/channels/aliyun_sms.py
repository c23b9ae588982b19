"""SMS by Alibaba Cloud: an approved template and its variables to one number of the mainland.

::

    channels:
      sms:
        type: aliyun_sms
        access_key_id: LTAI5tExample
        access_key_secret_file: aliyun-secret
        sign_name: 青山村
        templates:
          bin_full: {code: SMS_123456, variables: {place: {most: 20}, count: {kind: number}}}
          default: {code: SMS_654321, variables: {subject: {most: 30}}}

Sources: dysmsapi 2017-05-25, SendSms and QuerySendDetails. Never seen against the live service, which needs a company's
account.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.contracts import ChannelContext, Delivered
from gateway.errors import DeliveryError, Undeliverable
from gateway.model import Notice
from gateway.notify import aliyun, limits
from gateway.notify.cloud import checked_endpoint, said
from gateway.notify.phones import national
from gateway.notify.telephone import Telephone, Trace, later, secret_of
from gateway.notify.templates import Template, fill, template_of
from gateway.schema import Duration, Strict

VERSION = "2017-05-25"
MOST = 35  # characters of a variable of kind "other", Aliyun template variable rules
_WAITING, _FAILED, _ARRIVED = 1, 2, 3  # QuerySendDetails, SendStatus
_SWITCHED_OFF = ("MK:0001", "UNDELIV", "EXPIRED", "MOBILE_NOT_ON_SERVICE")  # carriers: unreachable now


class Settings(Strict):
    """One account, its signature and its templates.

    Attributes:
        access_key_id: Of a RAM user that may use SMS and nothing else.
        access_key_secret_file: Its secret.
        sign_name: The approved signature, without brackets.
        templates: By kind of message; ``default`` for every other kind.
        receipt_within: How long to wait for the carrier's receipt; zero: not at all.
        endpoint: Where the service is.
        timeout: For one question.
    """

    access_key_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{8,64}$")]
    access_key_secret_file: str
    sign_name: Annotated[str, Field(min_length=2, max_length=30)]
    templates: Annotated[dict[str, Template], Field(min_length=1)]
    receipt_within: Annotated[Duration, Field(le=timedelta(minutes=10))] = timedelta(0)
    endpoint: Annotated[str, AfterValidator(checked_endpoint)] = "https://dysmsapi.aliyuncs.com"
    timeout: Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(minutes=1))] = timedelta(
        seconds=15
    )


class Channel(Telephone):
    """SMS by Alibaba Cloud."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        super().__init__(
            context, limits=limits.SMS, urgent=limits.ALIYUN_SMS, receipt_within=settings.receipt_within
        )
        self._settings = settings

    def _number(self, notice: Notice) -> str:
        return national(notice.to)

    def _check(self, notice: Notice) -> None:
        fill(template_of(self._settings.templates, notice), notice, most=MOST)

    def _send(self, notice: Notice, number: str) -> Delivered:
        template = template_of(self._settings.templates, notice)
        values = fill(template, notice, most=MOST)
        parameters = {
            "PhoneNumbers": number,
            "SignName": self._settings.sign_name,
            "TemplateCode": template.code,
            "TemplateParam": json.dumps(values, ensure_ascii=False),
            "OutId": aliyun.out_id(notice.id),
        }
        answer = self._ask("SendSms", parameters)
        return Delivered(str(answer.get("BizId", "")), said("OK", answer.get("Message")))

    def _receipt(self, trace: Trace) -> Delivered | DeliveryError | None:
        parameters = {
            "PhoneNumber": trace.number,
            "SendDate": trace.at.astimezone(aliyun.CHINA).strftime("%Y%m%d"),
            "PageSize": "50",
            "CurrentPage": "1",
        }
        if trace.provider_id:
            parameters["BizId"] = trace.provider_id
        answer = self._ask("QuerySendDetails", parameters)
        holder = answer.get("SmsSendDetailDTOs")
        details = holder.get("SmsSendDetailDTO") if isinstance(holder, dict) else None
        ours = aliyun.out_id(trace.notice.id)
        for detail in details if isinstance(details, list) else ():
            if isinstance(detail, dict) and detail.get("OutId") == ours:
                return _outcome(detail.get("SendStatus"), str(detail.get("ErrCode", "")), trace.provider_id)
        return None

    def _ask(self, action: str, parameters: dict[str, str]) -> dict[str, object]:
        settings = self._settings
        answer = aliyun.ask(
            settings.endpoint,
            action,
            VERSION,
            parameters,
            key_id=settings.access_key_id,
            secret=secret_of(settings.access_key_secret_file, "access_key_secret_file"),
            at=self._context.clock.now(),
            timeout_s=settings.timeout.total_seconds(),
        )
        return dict(answer)


def _outcome(status: object, code: str, provider_id: str) -> Delivered | DeliveryError | None:
    if status == _ARRIVED:
        return Delivered(provider_id, "the telephone has it", "delivered")
    if status == _WAITING:
        return Delivered(provider_id, "with the carrier, no receipt yet") if not provider_id else None
    if status != _FAILED:
        return None
    if code.startswith(_SWITCHED_OFF):
        return later(f"the carrier could not reach the telephone ({code})", timedelta(minutes=5))
    return Undeliverable(f"the carrier did not deliver it ({code})")
