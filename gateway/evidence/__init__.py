"""Evidence on the disk: pictures, clips and numbers under opaque ids, who looked at them, and when they go.

::

    <root>/2026-12-05/k3v0...x9 (20 of a-z0-9)/meta.json snapshot.jpg clean.jpg trace.jsonl clip.mp4 ...
    <root>/marks.jsonl    what operators said of it: right, or a false alarm
    <root>/looks.jsonl    who looked at what, and when
    <root>/deleted.jsonl  what is gone, and why

The camera worker writes, the daemon and people read; they share nothing but this folder. No arrays here.
"""
