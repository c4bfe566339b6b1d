"""Steps of PyTorch's optimizers. pytorch.py FORM: default, foreach or compile."""

import sys

import serve

form = sys.argv[1]
classes = {"RMSprop": "RMSprop", "SGD": "SGD", "Adagrad": "Adagrad", "Adam": "Adam"}
names = {
    "lr": "lr",
    "alpha": "alpha",
    "eps": "eps",
    "momentum": "momentum",
    "centered": "centered",
    "weightDecay": "weight_decay",
}


class Contender:
    def __init__(self, case, threads):
        try:
            import numpy
            import torch
        except ImportError as error:
            raise serve.Missing(f"{sys.executable} has no torch ({error})")
        self.version = torch.__version__
        if form == "compile" and not hasattr(torch, "compile"):
            raise serve.Missing(f"torch {torch.__version__} has no compile")
        if case["optimizer"] not in classes or not all(name in names for name in case["options"]):
            raise serve.Missing(f"torch has no {case['optimizer']} with {', '.join(case['options'])}")
        torch.set_num_threads(threads)
        params, grads = serve.arrays_of(numpy, case)
        self.params = [torch.from_numpy(param) for param in params]
        for param, grad in zip(self.params, grads):
            param.grad = torch.from_numpy(grad)
        options = {names[name]: value for name, value in case["options"].items()}
        # The foreach form of 1.13 adds the weight decay to the gradients themselves, so they are put back before a run.
        self.grads = [torch.from_numpy(grad.copy()) for grad in grads] if "weight_decay" in options else []
        if form == "foreach":
            options["foreach"] = True
        optimizer = getattr(torch.optim, classes[case["optimizer"]])(self.params, **options)
        self.step = torch.compile(optimizer.step) if form == "compile" else optimizer.step

    def prepare(self):
        for param, grad in zip(self.params, self.grads):
            param.grad.copy_(grad)

    def wait(self):
        pass

    def param(self):
        return self.params[0]


serve.serve(Contender)
