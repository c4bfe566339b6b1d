"""RMSprop in jax.numpy on the CPU, compiled, its arrays given to the next step."""

import os

import serve


class Contender:
    def __init__(self, case, threads):
        # XLA uses as many threads as it finds cores.
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        try:
            import jax
            import numpy
        except ImportError as error:
            raise serve.Missing(f"no Python here has jax ({error})")
        if case["optimizer"] != "RMSprop" or case["type"] != "float32":
            raise serve.Missing(f"no {case['optimizer']} in {case['type']} is written in jax.numpy")
        self.version = jax.__version__
        self.jax = jax
        params, grads = serve.arrays_of(numpy, case)
        self.grads = [jax.numpy.asarray(grad) for grad in grads]
        # Arrays of its own each: no array may be given to the next step twice.
        zeros = lambda param: [jax.numpy.zeros_like(param) for _ in range(3)]
        self.state = [(jax.numpy.asarray(param), *zeros(param)) for param in params]
        self.compiled = jax.jit(formula(jax.numpy, case["options"]), donate_argnums=0)

    def prepare(self):
        pass

    def step(self):
        self.state = self.compiled(self.state, self.grads)

    def wait(self):
        self.jax.block_until_ready(self.state)

    def param(self):
        return self.state[0][0]


def formula(numpy, options):
    lr = options["lr"]
    alpha = options.get("alpha", 0.99)
    eps = options.get("eps", 1e-8)
    momentum = options.get("momentum", 0)
    decay = options.get("weightDecay", 0)

    def one(state, grad):
        param, square, mean, buffer = state
        if decay:
            grad = grad + decay * param
        square = alpha * square + (1 - alpha) * grad * grad
        variance = square
        if options.get("centered"):
            mean = alpha * mean + (1 - alpha) * grad
            variance = numpy.maximum(square - mean * mean, 0)
        change = grad / (numpy.sqrt(variance) + eps)
        if momentum:
            buffer = momentum * buffer + change
            change = buffer
        return param - lr * change, square, mean, buffer

    return lambda states, grads: [one(state, grad) for state, grad in zip(states, grads)]


serve.serve(Contender)
