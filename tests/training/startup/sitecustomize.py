"""What Python does first in the processes of these tests: see tests/torchvision_cpu.py; and a converter with a bug."""

import os
import sys

if "detectors.training" in sys.orig_argv:
    sys.path.insert(0, os.environ["VILLAGE_ROOT"])
    from tests.torchvision_cpu import prepare

    prepare()

    if os.environ.get("SPOILT_EXPORT"):
        import onnxruntime

        class Session(onnxruntime.InferenceSession):
            """Half of the scores are lost on the way."""

            def run(self, names, feed, *rest):
                outputs = super().run(names, feed, *rest)
                outputs[0][:, 4:] = outputs[0][:, 4:] * 0.5 + 0.1
                return outputs

        onnxruntime.InferenceSession = Session
