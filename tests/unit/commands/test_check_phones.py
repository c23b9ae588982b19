from __future__ import annotations

from pathlib import Path

import pytest

from gateway.__main__ import main

SITE = """
site: {{slug: qingshan, name: 青山村, language: zh, timezone: Asia/Shanghai}}
channels:
  sms:
    type: aliyun_sms
    access_key_id: LTAI5tExample
    access_key_secret_file: aliyun-secret
    sign_name: 青山村
    templates: {{bin_full: {{code: SMS_1, variables: {{place: {{most: 20}}}}}}}}
  call:
    type: aliyun_voice
    access_key_id: LTAI5tExample
    access_key_secret_file: aliyun-secret
    templates: {{fire: {{code: TTS_1}}}}
people:
  wang: {{name: 王小一, phones: ["{phone}"], channels: [{{channel: sms}}, {{channel: call}}]}}
"""


@pytest.mark.parametrize(
    ("phone", "code", "words"),
    [
        ("+86 139 0000 0101", 0, ""),
        ("+86 571 8877 6655", 78, "people.wang.channels[0]: sms: "),
    ],
)
def test_a_fixed_line_that_cannot_get_an_sms_is_found_by_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], phone: str, code: int, words: str
) -> None:
    (tmp_path / "village.yaml").write_text(SITE.format(phone=phone).lstrip(), encoding="utf-8")
    assert main(["check", str(tmp_path)]) == code
    told = capsys.readouterr().err
    assert words in told
    assert "channels[1]" not in told
    assert "8877" not in told
