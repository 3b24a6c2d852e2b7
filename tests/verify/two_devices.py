"""The gradient of a batch split over two devices, summed by TensorFlow, is the gradient that minirnn gives for the whole."""

import os

import numpy as np

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model
from minirnn.system import quiet_stderr

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
with quiet_stderr():
    import keras
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

mr.set_random_seed(0)
i = Input((7, 3))
model = Model(i, Dense(2)(SimpleRNN(5)(i)))
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(8, 7, 3)), rng.normal(size=(8, 2))  # 8 samples: 4 on each device; every device has all 7 steps
trace = mr.trace(model, X, Y, dtype="float64")

with quiet_stderr(), strategy.scope():
    twin = mr.to_keras(model, dtype="float64")


def replica_step(x, y):
    """One device: the gradient of its share of the mean over the whole batch, then the sum over the devices."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(keras.ops.mean(keras.ops.square(twin(x) - y), axis=-1)) / len(X)
    gradients = tape.gradient(loss, twin.trainable_variables)
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)


@tf.function
def step(x, y):
    """Both devices."""
    return strategy.run(replica_step, (x, y))


halves = [
    strategy.experimental_distribute_values_from_function(lambda c, a=a: a[c.replica_id_in_sync_group :: 2]) for a in (X, Y)
]
with quiet_stderr():
    summed = [strategy.experimental_local_results(g)[0].numpy() for g in step(*halves)]
worst = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(summed, trace.gradients.values(), strict=True))
assert strategy.num_replicas_in_sync == 2 and worst < 32 * np.finfo("float64").eps, worst
print(f"The gradients of {strategy.num_replicas_in_sync} devices agree with minirnn's own within {worst:.0e}.")
