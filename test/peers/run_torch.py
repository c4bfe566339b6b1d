"""Runs PyTorch's optimizers and writes torch.json and torch-states.json beside this file, which test/torch.test.ts and
test/checkpoint/convert-torch.test.ts compare with.

For PyTorch 1.13.1 on one thread of an x86-64 CPU with AVX2 (Debian 12's package python3-torch):

    /usr/bin/python3 test/peers/run_torch.py && npm run format
"""
import base64
import json
import pathlib

import numpy
import torch

STEPS = 1000
ELEMENTS = 333  # whole vectors and a tail

CASES = [
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.003, "alpha": 0.9, "eps": 1e-6, "momentum": 0.9}),
    ("RMSprop", {"weight_decay": 0.01}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"maximize": True, "alpha": 0.95}),
    ("RMSprop", {"lr": 0.002, "momentum": 0.5, "weight_decay": 0.03, "centered": True}),
    ("SGD", {"lr": 0.01}),
    ("SGD", {"lr": 0.01, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "momentum": 0.9}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.02, "initial_accumulator_value": 0.1, "eps": 1e-7}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.003, "etas": [0.4, 1.3], "step_sizes": [1e-4, 0.5], "maximize": True}),
    ("Adadelta", {"lr": 1.0}),
    ("Adadelta", {"lr": 0.3, "rho": 0.95, "eps": 1e-4, "weight_decay": 0.02, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.003, "betas": [0.5, 0.99], "eps": 1e-6, "weight_decay": 0.03, "maximize": True}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.003, "betas": [0.0, 0.9], "weight_decay": 0.1, "amsgrad": True}),
]


# Trainings that are written down in the middle, with the options of all, and of the second group.
STATES = [
    ("RMSprop", {"lr": 0.003, "momentum": 0.9, "centered": True}, {"weight_decay": 0.02}),
    ("RMSprop", {"alpha": 0.9}, {"lr": 0.003, "maximize": True}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True}, {"lr": 0.02}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.3}, {"momentum": 0.5}),
    ("Adagrad", {"lr_decay": 0.1, "eps": 1e-7}, {"lr": 0.1}),
    ("Rprop", {"lr": 0.003}, {"etas": [0.4, 1.3]}),
    ("Adadelta", {"rho": 0.95, "lr": 0.3}, {"eps": 1e-4, "weight_decay": 0.02}),
    ("Adam", {"lr": 0.003, "amsgrad": True}, {"betas": [0.8, 0.99], "weight_decay": 0.02}),
    ("AdamW", {"eps": 1e-6}, {"weight_decay": 0.1, "maximize": True}),
]
LENGTHS = [[33, 5], [7]]  # of each group's parameters
HALF = 10


def uniform(seed, first, count):
    """Values [first, first + count) of the generator of test/support/cases.ts with this seed."""
    state = (seed + 0x6D2B79F5 * numpy.arange(first + 1, first + count + 1, dtype=numpy.uint64)).astype(numpy.uint32)
    t = (state ^ (state >> 15)) * (state | 1)
    t = (t + (t ^ (t >> 7)) * (t | 61)) ^ t
    return (t ^ (t >> 14)).astype(numpy.float64) / 2.0**32


def draw(seed, first, count=ELEMENTS):
    """Values of all sizes: zeros of both signs, and some so small that their square, or their product, vanishes."""
    value = 2 * uniform(seed, first, count) - 1
    kind = uniform(seed + 1, first, count)
    scale = numpy.select([kind < 0.05, kind < 0.1, kind < 0.15], [0.0, 2.0**-80, 2.0**10], 1.0)
    return (value * scale).astype(numpy.float32)


def encode(tensor):
    return base64.b64encode(tensor.detach().numpy().astype("<f4").tobytes()).decode()


def run(name, options):
    param = torch.nn.Parameter(torch.from_numpy(draw(1, 0)))
    optimizer = getattr(torch.optim, name)([param], **({"lr": 0.01} | options))
    for step in range(STEPS):
        param.grad = torch.from_numpy(draw(3, step * ELEMENTS))
        optimizer.step()
    state = {key: encode(value) for key, value in optimizer.state[param].items() if torch.is_tensor(value) and value.dim()}
    return {"optimizer": name, "options": options, "param": encode(param), "state": state}


def run_state(name, options, group):
    """A training of two groups: what json.dumps makes of its state, and its parameters, in the middle and at the end."""
    groups = [[torch.nn.Parameter(torch.from_numpy(draw(100 + 2 * n, 0, n))) for n in lengths] for lengths in LENGTHS]
    params = groups[0] + groups[1]
    optimizer = getattr(torch.optim, name)(
        [{"params": groups[0]}, {"params": groups[1]} | group], **({"lr": 0.01} | options)
    )
    written = []
    for step in range(2 * HALF):
        for param in params:
            count = param.numel()
            param.grad = torch.from_numpy(draw(200 + 2 * count, step * count, count))
        optimizer.step()
        if (step + 1) % HALF == 0:
            state = json.dumps(optimizer.state_dict(), default=lambda tensor: tensor.tolist())
            written.append({"params": [encode(param) for param in params], "state": state})
    return {"optimizer": name, "options": options, "group": group, "written": written}


numpy.seterr(over="ignore")
torch.set_num_threads(1)
cases = [run(name, options) for name, options in CASES]
result = {"version": torch.__version__, "steps": STEPS, "elements": ELEMENTS, "cases": cases}
states = {
    "version": torch.__version__,
    "lengths": LENGTHS,
    "half": HALF,
    "cases": [run_state(*case) for case in STATES],
}
for file, content in [("torch.json", result), ("torch-states.json", states)]:
    pathlib.Path(__file__).with_name(file).write_text(json.dumps(content, indent=2) + "\n")
