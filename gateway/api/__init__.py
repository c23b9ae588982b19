"""The daemon's HTTP API, versioned: one file for each resource, one table of everything that can be asked.

::

    wire.py      sockets: bounds on connections, headers, slow readers
    guard.py     every request: host name, rate, size, security headers
    table.py     one entry for each thing that can be asked: role, parameters, body, answer; the door to its work
    shapes.py    what bodies and answers look like, checked and published
    openapi.py   the table as an OpenAPI 3.1 document
    <name>.py    the resources

It listens on the address of the site file (loopback by default) and on ``control.sock`` in the state folder, which only
the daemon's own user can open and where whoever asks may do everything.
"""

from gateway.api.server import Api

__all__ = ["Api"]
