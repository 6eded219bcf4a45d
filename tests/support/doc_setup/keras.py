import numpy as np

x = np.random.default_rng(0).normal(size=(640, 784)).astype("float32")
y = x[:, :10].argmax(axis=1)
data = [(x[k : k + 64], y[k : k + 64]) for k in range(0, 640, 64)]
