"""What a rival in Python shares: answers requests a line, as JSON (bench/contenders/remote.ts says which)."""

import json
import sys
import time


class Missing(Exception):
    """What was to be measured is not there."""


def fill(numpy, size, seed, dtype):
    """The numbers of bench/work.ts."""
    counter = numpy.arange(seed, seed + size, dtype=numpy.uint64)
    bits = (counter * 2654435761) & 0xFFFFFFFF
    values = 0.5 + bits / 2.0**32
    return numpy.where(bits & 256, values, -values).astype(dtype)


def arrays_of(numpy, case):
    """Parameters and gradients of a case."""
    if case.get("values") == "subnormal":
        raise Missing("it steps ordinary values only")
    sizes = range(case["arrays"])
    make = lambda seed: fill(numpy, case["size"], seed, case["type"])
    return [make(2 * i + 1) for i in sizes], [make(2 * i + 2) for i in sizes]


def serve(make):
    """`make(case, threads)` gives a contender with `prepare()`, `step()`, `wait()`, `param()` and `version`."""
    contender = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "case" in request:
                contender = None
                contender = make(request["case"], request["threads"])
                reply = {"ready": True, "version": contender.version}
            elif "run" in request:
                contender.prepare()
                start = time.perf_counter_ns()
                for _ in range(request["run"]):
                    contender.step()
                contender.wait()
                reply = {"nanoseconds": time.perf_counter_ns() - start}
            else:
                reply = {"param": [float(value) for value in contender.param()]}
        except Missing as reason:
            reply = {"missing": str(reason)}
        except Exception as error:  # the benchmark is told, and fails
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)
