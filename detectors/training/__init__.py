"""Training and export of networks with ultralytics, as a program of its own: ``python -m detectors.training``.

ultralytics is AGPL-3.0, code and weights: whoever gives a network made with it to others, also over a network, must
know what that licence asks (``docs/training.md``). So it is an extra, it is imported here and in one back end only, and
nothing of it runs in the gateway's own process. Nothing is ever downloaded: what is not there is a fault.
"""
