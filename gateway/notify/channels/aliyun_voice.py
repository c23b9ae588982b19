"""A call by Alibaba Cloud that reads an approved text, and may ask for a key.

::

    channels:
      call:
        type: aliyun_voice
        access_key_id: LTAI5tExample
        access_key_secret_file: aliyun-secret
        caller: "057112345678"        # left out: the provider's shared numbers; a call with keys needs it
        templates:
          river_high: {code: TTS_123456, variables: {level: {kind: number}}}
          fire: {code: TTS_111111, keys: {"1": TTS_222222}, goodbye: TTS_333333}

A template with ``keys`` is an IvrCall: it says ``code``, waits for a key, and answers with that key's template. It
needs a calling number of one's own. Key 1 takes the matter on, key 2 accepts its job. Which key was pressed the
provider tells only to a subscriber of its reports (VoiceReport, VoiceCallReport: ``dtmf``): let it post them to
``/a/report/<channel>/<secret>`` of this gateway, the secret being what stands in ``report_token_file``. The record of a
call, which can be asked for three to five minutes after its end, knows whether it was heard.

Sources: dyvmsapi 2017-05-25: SingleCallByTts, IvrCall, QueryCallDetailByCallId (document_detail/393529), call states
(operators-receipt-error-code), VoiceCallReport. Never seen against the live service, which needs a company's account.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.contracts import ChannelContext, Delivered, Heard
from gateway.errors import DeliveryError, Undeliverable
from gateway.model import Notice
from gateway.notify import aliyun, limits
from gateway.notify.cloud import checked_endpoint, said
from gateway.notify.phones import national
from gateway.notify.telephone import Telephone, Trace, later, secret_of
from gateway.notify.templates import Template, fill, template_of
from gateway.schema import Duration, Strict

VERSION = "2017-05-25"
MOST = 50  # characters of a variable: a call is listened to, not read
NOTICE_PRODUCT, IVR_PRODUCT = "11000000300006", "11000000300005"  # QueryCallDetailByCallId, ProdId
KEY_PRESSED = "300000"  # VoiceCallReport, status_code

_HEARD = {"200000": "heard to the end", "200001": "answered, hung up before the end"}
_BUSY = {
    "200002": "the line is busy",
    "200003": "nobody answered",
    "200005": "could not be reached",
    "200007": "out of reach",
    "200010": "switched off",
    "200118": "the carrier places no calls at this hour",
    "200121": "too many calls at once",
}
_DEAD = {
    "200004": "the number is none",
    "200011": "the number is suspended",
    "200105": "the number may not be called",
}


class CallTemplate(Template):
    """An approved text to be read out.

    Attributes:
        keys: Which template answers which key; makes it a call that asks.
        goodbye: What is said at the end of such a call.
    """

    keys: dict[
        Annotated[str, Field(pattern=r"^[0-9*#]$")], Annotated[str, Field(pattern=r"^[\w.-]{1,64}$")]
    ] = Field(default_factory=dict)
    goodbye: Annotated[str, Field(pattern=r"^[\w.-]{1,64}$")] | None = None


class Settings(Strict):
    """One account, its calling number and its templates.

    Attributes:
        access_key_id: Of a RAM user that may place calls and nothing else.
        access_key_secret_file: Its secret.
        caller: The number that is shown; left out: one of the provider's.
        templates: By kind of message; ``default`` for every other kind.
        play: How often the text is read.
        report_token_file: Secret part of the address to which reports are posted; unset: none are taken.
        receipt_within: How long to wait for the record of the call; it comes three to five minutes after its end.
        endpoint: Where the service is.
        timeout: For one question.
    """

    access_key_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{8,64}$")]
    access_key_secret_file: str
    caller: Annotated[str, Field(pattern=r"^[0-9]{5,14}$")] | None = None
    templates: Annotated[dict[str, CallTemplate], Field(min_length=1)]
    play: Annotated[int, Field(ge=1, le=3)] = 2
    report_token_file: str | None = None
    receipt_within: Annotated[Duration, Field(le=timedelta(minutes=10))] = timedelta(0)
    endpoint: Annotated[str, AfterValidator(checked_endpoint)] = "https://dyvmsapi.aliyuncs.com"
    timeout: Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(minutes=1))] = timedelta(
        seconds=15
    )

    @model_validator(mode="after")
    def _own_number(self) -> Self:
        if self.caller is None and any(template.keys for template in self.templates.values()):
            raise ValueError("a call that asks for a key needs a number of one's own; write caller:")
        return self


class Channel(Telephone):
    """Calls by Alibaba Cloud."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        super().__init__(
            context, limits=limits.VOICE, urgent=limits.ALIYUN_VOICE, receipt_within=settings.receipt_within
        )
        self._settings = settings

    def is_from(self, token: str) -> bool:
        """See :class:`gateway.contracts.Reported`."""
        name = self._settings.report_token_file
        if name is None:
            return False
        return hmac.compare_digest(secret_of(name, "report_token_file").reveal().encode(), token.encode())

    def understood(self, report: bytes) -> Sequence[Heard]:
        """See :class:`gateway.contracts.Reported`."""
        now = self._context.clock.now()
        return [Heard(one.call, "", one.keys, now, about=one.call, keys=True) for one in pressed(report)]

    def _number(self, notice: Notice) -> str:
        return national(notice.to, landline=True)

    def _check(self, notice: Notice) -> None:
        fill(template_of(self._settings.templates, notice), notice, most=MOST)

    def _send(self, notice: Notice, number: str) -> Delivered:
        template = template_of(self._settings.templates, notice)
        values = json.dumps(fill(template, notice, most=MOST), ensure_ascii=False)
        parameters = {
            "CalledNumber": number,
            "PlayTimes": str(self._settings.play),
            "OutId": aliyun.out_id(notice.id),
        }
        if self._settings.caller is not None:
            parameters["CalledShowNumber"] = self._settings.caller
        if not template.keys:
            answer = self._ask(
                "SingleCallByTts", {**parameters, "TtsCode": template.code, "TtsParam": values}
            )
        else:
            parameters |= {"StartCode": template.code, "StartTtsParams": values}
            for position, (key, code) in enumerate(template.keys.items(), start=1):
                parameters |= {f"MenuKeyMap.{position}.Key": key, f"MenuKeyMap.{position}.Code": code}
            if template.goodbye is not None:
                parameters["ByeCode"] = template.goodbye
            answer = self._ask("IvrCall", parameters)
        return Delivered(str(answer.get("CallId", "")), said("OK", answer.get("Message")))

    def _receipt(self, trace: Trace) -> Delivered | DeliveryError | None:
        if not trace.provider_id:
            return None  # a call can only be asked for by the number that its answer gave
        asks = bool(template_of(self._settings.templates, trace.notice).keys)
        parameters = {
            "CallId": trace.provider_id,
            "ProdId": IVR_PRODUCT if asks else NOTICE_PRODUCT,
            "QueryDate": str(int(trace.at.timestamp() * 1000)),
        }
        return _outcome(self._ask("QueryCallDetailByCallId", parameters).get("Data"), trace.provider_id)

    def _ask(self, action: str, parameters: dict[str, str]) -> dict[str, Any]:
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


def _outcome(data: object, provider_id: str) -> Delivered | DeliveryError | None:
    """The record of a call, a JSON text in the answer; anything unknown is not known yet."""
    try:
        record = json.loads(data) if isinstance(data, str) and data else {}
    except ValueError:
        return None
    state = str(record.get("state", "")) if isinstance(record, dict) else ""
    if state in _HEARD:
        return Delivered(provider_id, _HEARD[state], "delivered" if state == "200000" else "accepted")
    if state in _BUSY:
        return later(f"{_BUSY[state]} ({state})", timedelta(minutes=2))
    if state in _DEAD:
        return Undeliverable(f"{_DEAD[state]} ({state})")
    return None


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody pressed keys during a call.

    Attributes:
        call: The provider's number of the call, as :class:`gateway.contracts.Delivered` has it.
        out_id: Ours, see :func:`gateway.notify.aliyun.out_id`.
        keys: What was pressed.
    """

    call: str
    out_id: str
    keys: str


def pressed(report: bytes) -> tuple[Press, ...]:
    """Who pressed what, out of one report (VoiceReport, VoiceCallReport) that the provider posts.

    Raises:
        ValueError: It is no such report.
    """
    try:
        lines = json.loads(report)
    except (ValueError, RecursionError) as error:
        raise ValueError("a report of calls is a JSON array") from error
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise ValueError("a report of calls is a JSON array of objects")
    return tuple(
        Press(str(line.get("call_id", "")), str(line.get("out_id", "")), str(line["dtmf"]))
        for line in lines
        if line.get("dtmf")
    )
