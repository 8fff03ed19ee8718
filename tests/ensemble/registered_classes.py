"""A model class as a user would write and register it; bare Keras has to import it too."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """Two dense layers, dropout between them, and a temperature that is no weight."""

    def __init__(self, units: int, temperature: float, **kwargs):
        super().__init__(**kwargs)
        self.units, self.temperature = units, temperature
        self.hidden = keras.layers.Dense(units, activation="tanh")
        self.dropout = keras.layers.Dropout(0.5)
        self.out = keras.layers.Dense(3)

    def call(self, x, training=False):  # noqa: FBT002 - Keras's own signature
        hidden = self.dropout(self.hidden(x), training=training)
        return keras.ops.softmax(self.out(hidden) / self.temperature)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "temperature": self.temperature}
