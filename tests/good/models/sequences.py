"""Models of sequences: recurrent layers, attention, words, sound."""

from __future__ import annotations

import keras
from keras import layers

from models.registry import Model, classify, good, stack, through


@good
def convolution_1d() -> Model:
    return stack(
        (16, 2),
        layers.Conv1D(4, 3, padding="causal", activation="relu"),
        layers.MaxPooling1D(),
        layers.GlobalMaxPooling1D(),
        layers.Dense(3, "softmax"),
    )


@good
def lstm() -> Model:
    return stack((7, 3), layers.LSTM(4, return_sequences=True), layers.LSTM(4), layers.Dense(3, "softmax"))


@good
def gru() -> Model:
    return stack((None, 3), layers.GRU(4, reset_after=False), layers.Dense(3, "softmax"))


@good
def stacked_cells() -> Model:
    cells = [layers.LSTMCell(4), layers.GRUCell(4), layers.SimpleRNNCell(3)]
    return through((7, 3), layers.RNN(cells))


@good
def bidirectional() -> Model:
    return through((7, 3), layers.Bidirectional(layers.LSTM(4), merge_mode="sum"), layers.Dense(4))


@good
def convolutional_lstm() -> Model:
    return through((3, 6, 6, 1), layers.ConvLSTM2D(2, 3), layers.Flatten())


@good
def time_distributed() -> Model:
    body = (layers.TimeDistributed(layers.Conv2D(2, 3)), layers.TimeDistributed(layers.Flatten()), layers.GRU(3))
    return through((3, 6, 6, 1), *body)


@good
def recurrent_state() -> Model:
    source = keras.Input((7, 3))
    sequence, state, memory = layers.LSTM(4, return_sequences=True, return_state=True)(source)
    x = layers.LSTM(4)(sequence, initial_state=[state, memory])
    return keras.Model(source, classify(x))


@good
def words() -> Model:
    return stack((9,), layers.Embedding(50, 4), layers.GlobalAveragePooling1D(), layers.Dense(3, "softmax"))


@good
def words_masked() -> Model:
    return stack((9,), layers.Embedding(50, 4, mask_zero=True), layers.LSTM(3), layers.Dense(3, "softmax"))


@good
def large_vocabulary() -> Model:
    return stack((9,), layers.Embedding(150_000, 1), layers.GlobalMaxPooling1D(), layers.Dense(3, "softmax"))


@good
def transformer() -> Model:
    source = keras.Input((7, 8))
    x = layers.Add()([source, layers.MultiHeadAttention(2, 4, dropout=0.1)(source, source)])
    x = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.Dense(8)(layers.Dense(16, "gelu")(x))])
    return keras.Model(source, classify(layers.GlobalAveragePooling1D()(x)))


@good
def attentions() -> Model:
    source = keras.Input((7, 8))
    x = layers.GroupQueryAttention(4, 2, 1)(source, source)
    x = layers.AdditiveAttention()([x, layers.Attention()([x, source])])
    return keras.Model(source, classify(layers.Flatten()(x)))


@good
def einsum() -> Model:
    return through((7, 8), layers.EinsumDense("abc,cd->abd", (7, 5), bias_axes="d"), layers.Flatten())


@good
def sound() -> Model:
    return through((2048,), layers.MelSpectrogram(fft_length=256, num_mel_bins=16), layers.Flatten())


@good
def dropouts() -> Model:
    body = (layers.Masking(), layers.SpatialDropout1D(0.1), layers.AlphaDropout(0.1), layers.GaussianDropout(0.1))
    return through((6, 4), *body, layers.LSTM(3))
