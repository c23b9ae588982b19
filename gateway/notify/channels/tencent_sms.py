"""SMS by Tencent Cloud: an approved template and its variables, in order, to one number.

::

    channels:
      sms2:
        type: tencent_sms
        secret_id: AKIDexample
        secret_key_file: tencent-secret
        app_id: "1400006666"
        sign_name: 青山村
        templates:
          bin_full: {code: "449739", variables: {place: {most: 12}, count: {kind: number}}}

Sources: SMS 2021-01-11, SendSms and PullSmsSendStatusByPhoneNumber (api/382/55981, 382/40518). Never seen against the
live service, which needs a company's account.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from gateway.contracts import ChannelContext, Delivered
from gateway.errors import DeliveryError, Retry, Undeliverable
from gateway.model import Notice
from gateway.notify import limits, tencent
from gateway.notify.cloud import checked_endpoint, said
from gateway.notify.phones import e164
from gateway.notify.telephone import Telephone, Trace, secret_of
from gateway.notify.templates import Template, fill, template_of
from gateway.schema import Duration, Strict

VERSION = "2021-01-11"
MOST = 6  # characters of a variable, product/382/13301; an enterprise may have more: `most`
_EARLIER_S = 60  # a receipt's page begins a little before the message


class Settings(Strict):
    """One account, its application, its signature and its templates.

    Attributes:
        secret_id: Of a sub-account that may use SMS and nothing else.
        secret_key_file: Its key.
        app_id: SmsSdkAppId of the application.
        sign_name: The approved signature, without brackets.
        templates: By kind of message; ``default`` for every other kind.
        region: Where it is handled.
        receipt_within: How long to wait for the carrier's receipt; zero: not at all.
        endpoint: Where the service is.
        timeout: For one question.
    """

    secret_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{8,64}$")]
    secret_key_file: str
    app_id: Annotated[str, Field(pattern=r"^[0-9]{6,16}$")]
    sign_name: Annotated[str, Field(min_length=2, max_length=30)]
    templates: Annotated[dict[str, Template], Field(min_length=1)]
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = "ap-guangzhou"
    receipt_within: Annotated[Duration, Field(le=timedelta(minutes=10))] = timedelta(0)
    endpoint: Annotated[str, AfterValidator(checked_endpoint)] = "https://sms.tencentcloudapi.com"
    timeout: Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(minutes=1))] = timedelta(
        seconds=15
    )


class Channel(Telephone):
    """SMS by Tencent Cloud."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        super().__init__(
            context, limits=limits.SMS, urgent=limits.TENCENT_SMS, receipt_within=settings.receipt_within
        )
        self._settings = settings

    def _number(self, notice: Notice) -> str:
        return e164(notice.to)

    def _check(self, notice: Notice) -> None:
        fill(template_of(self._settings.templates, notice), notice, most=MOST)

    def _send(self, notice: Notice, number: str) -> Delivered:
        template = template_of(self._settings.templates, notice)
        parameters = {
            "PhoneNumberSet": [number],
            "SmsSdkAppId": self._settings.app_id,
            "SignName": self._settings.sign_name,
            "TemplateId": template.code,
            "TemplateParamSet": list(fill(template, notice, most=MOST).values()),
            "SessionContext": notice.id,
        }
        response = self._ask("SendSms", parameters)
        found = response.get("SendStatusSet")
        status = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else None
        if status is None:
            raise Retry("SendSms: the answer names no number: not the provider")
        code = str(status.get("Code", ""))
        if code != "Ok":
            tencent.refuse("SendSms", code, status.get("Message", ""))
        return Delivered(str(status.get("SerialNo", "")), said(code, status.get("Message")))

    def _receipt(self, trace: Trace) -> Delivered | DeliveryError | None:
        parameters = {
            "BeginTime": int(trace.at.timestamp()) - _EARLIER_S,
            "Offset": 0,
            "Limit": 100,
            "PhoneNumber": trace.number,
            "SmsSdkAppId": self._settings.app_id,
        }
        lines = self._ask("PullSmsSendStatusByPhoneNumber", parameters).get("PullSmsSendStatusSet")
        for line in lines if isinstance(lines, list) else ():
            if not isinstance(line, dict):
                continue
            ours = line.get("SessionContext") == trace.notice.id
            if ours or (trace.provider_id and line.get("SerialNo") == trace.provider_id):
                words = str(line.get("Description", ""))[:100]
                if line.get("ReportStatus") == "SUCCESS":
                    return Delivered(
                        str(line.get("SerialNo", "")), f"the telephone has it ({words})", "delivered"
                    )
                return Undeliverable(f"the carrier did not deliver it ({words})")
        return None

    def _ask(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        settings = self._settings
        answer = tencent.ask(
            settings.endpoint,
            action,
            VERSION,
            parameters,
            service="sms",
            region=settings.region,
            secret_id=settings.secret_id,
            secret=secret_of(settings.secret_key_file, "secret_key_file"),
            at=self._context.clock.now(),
            timeout_s=settings.timeout.total_seconds(),
        )
        return dict(answer)
