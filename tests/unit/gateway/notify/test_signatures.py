"""The worked examples of the providers' own documents."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.credentials import Secret
from gateway.errors import Broken, Retry, Undeliverable
from gateway.notify import aliyun, tencent


def test_aliyun_signs_the_documents_example():
    """help.aliyun.com, "V3 request structure and signature", fixed parameters of the example."""
    query = aliyun.query_of(
        {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
    )
    headers = aliyun.signed_headers(
        "ecs.cn-shanghai.aliyuncs.com",
        query,
        action="RunInstances",
        version="2014-05-26",
        key_id="YourAccessKeyId",
        secret=Secret("YourAccessKeySecret"),
        at=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        nonce="3156853299f313e23d1673dc12e1703d",
    )
    assert headers["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_aliyun_encodes_as_rfc_3986_says():
    assert aliyun.query_of({"b": "v=a b*c~d/e", "a": "村+"}) == "a=%E6%9D%91%2B&b=v%3Da%20b%2Ac~d%2Fe"


def test_tencent_signs_the_documents_example():
    """cloud.tencent.com, "signature method v3": its secret is printed there as 32 asterisks."""
    payload = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    headers = tencent.signed_headers(
        "cvm.tencentcloudapi.com",
        payload,
        service="cvm",
        action="DescribeInstances",
        version="2017-03-12",
        region="ap-guangzhou",
        secret_id="AKID" + "*" * 32,
        secret=Secret("*" * 32),
        at=datetime.fromtimestamp(1551113065, UTC),
    )
    assert headers["X-TC-Timestamp"] == "1551113065"
    assert headers["Authorization"] == (
        f"TC3-HMAC-SHA256 Credential=AKID{'*' * 32}/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host;x-tc-action, "
        "Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    )


@pytest.mark.parametrize(
    ("code", "message", "kind", "after_s"),
    [
        ("isv.BUSINESS_LIMIT_CONTROL", "触发分钟级流控Permits:1", Retry, 60),
        ("isv.BUSINESS_LIMIT_CONTROL", "触发小时级流控Permits:5", Retry, 3600),
        ("isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:10", Undeliverable, 0),
        ("isv.MOBILE_NUMBER_ILLEGAL", "", Undeliverable, 0),
        ("isv.OUT_OF_SERVICE", "", Broken, 0),
        ("SignatureDoesNotMatch", "", Broken, 0),
        ("isp.SYSTEM_ERROR", "", Retry, 0),
        ("Throttling.User", "", Retry, 0),
        ("isv.SOMETHING_NEW", "", Undeliverable, 0),
    ],
)
def test_aliyuns_codes_say_who_acts(code, message, kind, after_s):
    verdict = aliyun.meaning(code, message)
    assert (verdict.kind, verdict.after_s) == (kind, after_s)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("LimitExceeded.PhoneNumberThirtySecondLimit", Retry),
        ("LimitExceeded.PhoneNumberDailyLimit", Undeliverable),
        ("FailedOperation.InsufficientBalanceInSmsPackage", Broken),
        ("AuthFailure.SecretIdNotFound", Broken),
        ("AuthFailure.SignatureExpire", Retry),
        ("RequestLimitExceeded.IPLimitExceeded", Retry),
        ("InternalError.Timeout", Retry),
        ("NoSuchVersion", Broken),
        ("InvalidParameterValue.SomethingNew", Undeliverable),
    ],
)
def test_tencents_codes_say_who_acts(code, kind):
    assert tencent.meaning(code).kind is kind


def test_our_id_fits_fifteen_bytes_and_stays_the_same():
    long = "7f3b0a52-6d4e-4b3c-9a1d-0c6c1f5b2e77"
    assert aliyun.out_id("alarm-17") == "alarm-17"
    assert aliyun.out_id(long) == aliyun.out_id(long)
    assert len(aliyun.out_id(long)) == 15
