"""``village notify``: which channels there are, and one marked test message through one of them."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from gateway import files
from gateway.clock import SystemClock
from gateway.contracts import Channel, ChannelContext
from gateway.errors import Broken, DeliveryError, Fault, Retry, SettingsError, Uncertain
from gateway.model import Notice, Severity
from gateway.people import masked
from gateway.site import Site, load_site, load_words
from gateway.words import Language, Words

HELP = "the ways to tell people: list them, send a marked test message through one"
EXAMPLE = """
village notify channels /etc/village
village notify test /etc/village --person wang
village notify test /etc/village --channel mail --to li@example.com
village notify test /etc/village --channel wecom --to LiLei --text "3号桶已满" --picture bin.jpg
"""
LARGEST_PICTURE_BYTES = 10 * 1024 * 1024
EX_DATAERR = 65  # <sysexits.h>: this message or address is no good
EX_UNAVAILABLE = 69  # not now
EX_CONFIG = 78  # the channel itself is no good until somebody acts


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    test = what.add_parser("test", help="send one marked test message and show what the service says")
    test.add_argument("site", type=Path, help="folder with village.yaml")
    who = test.add_mutually_exclusive_group(required=True)
    who.add_argument("--person", help="somebody of the site file, through each of his channels")
    who.add_argument("--channel", help="name of one channel in the site file")
    test.add_argument("--to", default="", help="with --channel: address there; without it the whole group")
    test.add_argument("--text", default="", help="what to say; it is marked as a test all the same")
    test.add_argument("--picture", type=Path, help="JPEG or PNG to send along")
    test.add_argument("--severity", choices=[level.word for level in Severity], default=Severity.INFO.word)
    test.add_argument("--lang", choices=["zh", "en"], help="default: the person's or the site's")
    channels = what.add_parser("channels", help="list the channels of the site file")
    channels.add_argument("site", type=Path, help="folder with village.yaml")


def run(args: argparse.Namespace) -> int:
    """List or send."""
    site = load_site(args.site)
    return _list(site) if args.what == "channels" else _test(site, args)


def _list(site: Site) -> int:
    say = load_words(site.village.site.language)
    if not site.channels:
        print(say("notify.none", file=site.path))
    width = max((len(name) for name in site.channels), default=0)
    for name, plugin in site.channels.items():
        kind = site.village.channels[name].type
        print(f"{name:<{width}}  {kind:<10} {(plugin.module.__doc__ or '').splitlines()[0]}")
    return 0


def _test(site: Site, args: argparse.Namespace) -> int:
    if args.person is None:
        return _one(site, args, args.channel, args.to, args.lang or site.village.site.language)
    if args.to:
        raise SettingsError(Fault("", 0, "--to", "goes with --channel; a person has addresses of his own"))
    person = site.village.people.get(args.person)
    if person is None:
        near = files.nearest(args.person, list(site.village.people))
        raise SettingsError(Fault(str(site.path), 0, f"people.{args.person}", "no such person", near))
    if not person.contacts:
        raise SettingsError(Fault(str(site.path), 0, f"people.{args.person}", "has no channels"))
    language: Language = args.lang or person.language or site.village.site.language
    codes = []
    for contact in person.contacts:
        print(f"{contact.channel} {masked(contact.to)}".rstrip(), flush=True)
        codes.append(_one(site, args, contact.channel, contact.to, language))
    return max(codes)


def _one(site: Site, args: argparse.Namespace, name: str, to: str, language: Language) -> int:
    """One message through one channel."""
    say = load_words(language)
    notice = _notice(args, to, say)
    plugin = site.channels.get(name)
    if plugin is None:
        near = files.nearest(name, list(site.channels))
        raise SettingsError(Fault(str(site.path), 0, f"channels.{name}", "no such channel", near))
    with tempfile.TemporaryDirectory(prefix="village-notify-") as folder:
        context = channel_context(site, name, Path(folder), language)
        channel: Channel = plugin.module.Channel(plugin.settings, context)
        try:
            return _deliver(channel, notice, say)
        finally:
            channel.close()


def channel_context(
    site: Site, name: str, state_dir: Path, language: Language | None = None
) -> ChannelContext:
    """What a channel of this site is built with."""
    return ChannelContext(
        name=name,
        site=site.village.site.name or site.village.site.slug,
        language=language or site.village.site.language,
        clock=SystemClock(),
        state_dir=state_dir,
    )


def _notice(args: argparse.Namespace, to: str, say: Words) -> Notice:
    text = "\n".join(part for part in (say("notify.test_text"), args.text) if part)
    return Notice(
        id=f"test-{secrets.token_hex(8)}",
        to=to,
        subject=say("notify.test_subject"),
        text=text,
        severity=Severity[args.severity.upper()],
        template="test",
        variables={"text": args.text},
        picture=_picture(args.picture) if args.picture else None,
    )


def _picture(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_PICTURE_BYTES + 1)
    except OSError as error:
        raise SettingsError(Fault(str(path), 0, "--picture", f"cannot be read ({error.strerror})")) from error
    if len(content) > LARGEST_PICTURE_BYTES:
        remedy = f"at most {LARGEST_PICTURE_BYTES} bytes"
        raise SettingsError(Fault(str(path), 0, "--picture", "is too large for a message", remedy))
    return content


def _deliver(channel: Channel, notice: Notice, say: Words) -> int:
    """Hand it over and say in the service's own words what became of it."""
    try:
        delivered = channel.deliver(notice)
    except Uncertain as error:
        code, key, words = EX_UNAVAILABLE, "uncertain", str(error)
    except Retry as error:
        code, key, words = EX_UNAVAILABLE, "retry", _with_wait(error, say)
    except Broken as error:
        code, key, words = EX_CONFIG, "broken", str(error)
    except DeliveryError as error:
        code, key, words = EX_DATAERR, "undeliverable", str(error)
    else:
        number = f" [{delivered.provider_id}]" if delivered.provider_id else ""
        print(say(f"notify.{delivered.state}", words=delivered.words) + number)
        return 0
    print(say(f"notify.{key}", words=words), file=sys.stderr)
    return code


def _with_wait(error: Retry, say: Words) -> str:
    if error.after is None:
        return str(error)
    return f"{error}; {say('notify.wait', seconds=round(error.after.total_seconds()))}"
