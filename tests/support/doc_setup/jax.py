import jax
import jax.numpy as jnp
import numpy as np

rng = np.random.default_rng(0)
images = rng.normal(size=(640, 784)).astype("float32")
labels = images[:, :10].argmax(axis=1)
data = [(jnp.array(images[k : k + 64]), jnp.array(labels[k : k + 64])) for k in range(0, 640, 64)]


def dropout_loss(params, key, batch):
    images, labels = batch
    scores = images * jax.random.bernoulli(key, 0.9, images.shape) @ params["w"] + params["b"]
    return -jax.nn.log_softmax(scores)[jnp.arange(len(labels)), labels].mean()
