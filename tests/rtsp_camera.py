"""A camera for tests: GStreamer's RTSP server, run by Debian's own python3 (which has ``gi``), never imported.

``/usr/bin/python3 tests/rtsp_camera.py PORT [--codec h264] [--size 320x180] [--fps 10] [--clip FILE] [--user NAME:PASSWORD]``
serves ``/sub``. Commands on standard input: ``pattern N`` (another scene; 18 moves, 0 stands still), ``drop`` (throws
everybody out), ``end``.
"""

import argparse
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

CODECS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay name=pay0 config-interval=1",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph265pay name=pay0 config-interval=1",
    "mjpeg": "jpegenc ! rtpjpegpay name=pay0",
}


class Factory(GstRtspServer.RTSPMediaFactory):
    """One pipeline for everybody who looks."""

    def __init__(self, args):
        super().__init__()
        self.set_shared(True)
        width, height = args.size.split("x")
        raw = f"video/x-raw,format=I420,width={width},height={height},framerate={args.fps}/1"
        if args.clip:
            feed = f"filesrc location={args.clip} ! decodebin ! videoconvert ! videoscale ! videorate ! {raw}"
        else:
            feed = f"videotestsrc name=scene is-live=true pattern=18 ! {raw}"
        self.set_launch(f"( {feed} ! {CODECS[args.codec]} )")
        self.scene = None
        self.connect("media-configure", self.configured)

    def configured(self, _factory, media):
        self.scene = media.get_element().get_by_name("scene")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port")
    parser.add_argument("--codec", default="h264", choices=CODECS)
    parser.add_argument("--size", default="320x180")
    parser.add_argument("--fps", default="10")
    parser.add_argument("--clip")
    parser.add_argument("--user")
    args = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(args.port)
    factory = Factory(args)
    if args.user:
        name, _, password = args.user.partition(":")
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(name, password), token)
        server.set_auth(auth)
        roles = GstRtspServer.RTSPPermissions()
        roles.add_permission_for_role("viewer", "media.factory.access", True)
        roles.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(roles)
    server.get_mount_points().add_factory("/sub", factory)
    server.attach(None)
    loop = GLib.MainLoop()

    def obey():
        for line in sys.stdin:
            words = line.split()
            if words[0] == "pattern" and factory.scene is not None:
                factory.scene.set_property("pattern", int(words[1]))
            elif words[0] == "drop":
                GLib.idle_add(
                    lambda: server.client_filter(lambda *_: GstRtspServer.RTSPFilterResult.REMOVE) and False
                )
        loop.quit()

    threading.Thread(target=obey, daemon=True).start()
    loop.run()


main()
