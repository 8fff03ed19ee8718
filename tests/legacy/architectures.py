"""Models as people made them with Keras 2, each by a function of the library: `tf_keras`, or any with its names."""

ARCHITECTURES = {}


def architecture(make):
    """Add a function, by its name."""
    ARCHITECTURES[make.__name__] = make
    return make


def _listed(keras, shape, *layers, **settings):
    return keras.Sequential([keras.Input(shape, **settings), *layers])


@architecture
def perceptron(keras):
    layers = keras.layers
    hidden = layers.Dense(7, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3)
    return _listed(keras, (5,), *hidden, layers.Dense(3, activation="softmax"))


@architecture
def alike(keras):
    return _listed(keras, (4,), *(keras.layers.Dense(4, activation="tanh") for _ in range(5)))


@architecture
def convolutions(keras):
    layers = keras.layers
    first = layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization(axis=3), layers.ReLU(6.0)
    then = layers.DepthwiseConv2D(3, depth_multiplier=2), layers.LeakyReLU(alpha=0.1), layers.SeparableConv2D(5, 3)
    last = layers.PReLU(shared_axes=[1, 2]), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(3)
    return _listed(keras, (10, 10, 3), *first, *then, layers.Conv2DTranspose(4, 3, strides=2), *last)


@architecture
def sequences_of_pixels(keras):
    layers = keras.layers
    first = layers.Conv1D(4, 3, padding="causal"), layers.SeparableConv1D(4, 3), layers.SpatialDropout1D(0.1)
    return _listed(keras, (12, 3), *first, layers.Conv1DTranspose(3, 2), layers.GlobalAveragePooling1D())


@architecture
def activations(keras):
    layers = keras.layers
    kinds = layers.ELU(0.5), layers.ReLU(4.0, 0.1, 0.2), layers.Softmax(), layers.ThresholdedReLU(0.3)
    return _listed(keras, (6,), *(each for kind in kinds for each in (layers.Dense(5), kind)))


@architecture
def activations_in_layers(keras):
    layers, x = keras.layers, keras.Input((6,))
    kinds = [
        "relu",
        "elu",
        "selu",
        "softplus",
        "softsign",
        "swish",
        "gelu",
        "exponential",
        "tanh",
        layers.LeakyReLU(0.1),
    ]
    return keras.Model(x, layers.concatenate([layers.Dense(3, activation=kind)(x) for kind in kinds]))


@architecture
def hard_sigmoids(keras):
    layers = keras.layers
    convolution = layers.Conv2D(4, 3, activation="hard_sigmoid")
    last = layers.Dense(5), layers.Activation("hard_sigmoid"), layers.Dense(3, activation="hard_sigmoid")
    return _listed(keras, (5, 5, 2), convolution, layers.Flatten(), *last)


@architecture
def hard_recurrent(keras):
    layers, hard = keras.layers, {"recurrent_activation": "hard_sigmoid", "return_sequences": True}
    both = layers.Bidirectional(layers.LSTM(4, **hard))
    return _listed(keras, (6, 4), both, layers.LSTM(5, **hard), layers.GRU(4, **hard), layers.Dense(3))


@architecture
def hard_recurrent_inside(keras):
    layers, x, y = keras.layers, keras.Input((6, 4)), keras.Input((6, 4))
    inner = layers.GRU(4, recurrent_activation="hard_sigmoid")(layers.LSTM(4, return_sequences=True)(x))
    return keras.Model(y, layers.Dense(3)(keras.Model(x, inner)(y)))


@architecture
def convolutional_recurrent(keras):
    layers = keras.layers
    recurrent = layers.ConvLSTM2D(3, 3, return_sequences=True), layers.Bidirectional(layers.ConvLSTM2D(3, 3))
    return _listed(keras, (3, 8, 8, 2), *recurrent, layers.Flatten(), layers.Dense(3))


@architecture
def recurrent(keras):
    layers = keras.layers
    first = layers.LSTM(5, return_sequences=True), layers.GRU(5, reset_after=False, return_sequences=True)
    then = layers.SimpleRNN(4, return_sequences=True, use_bias=False), layers.GRU(5, go_backwards=True)
    return _listed(keras, (6, 4), *first, *then, layers.Dense(3))


@architecture
def cells(keras):
    layers = keras.layers
    stacked = layers.RNN([layers.GRUCell(3), layers.SimpleRNNCell(4)], return_sequences=True)
    return _listed(keras, (6, 4), layers.RNN(layers.LSTMCell(4), return_sequences=True), stacked, layers.Dense(3))


@architecture
def both_ways(keras):
    layers = keras.layers
    embedding = layers.Embedding(20, 6, mask_zero=True, input_length=7)
    two = (
        layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
        layers.Bidirectional(layers.GRU(4), merge_mode="sum"),
    )
    return _listed(keras, (7,), embedding, *two, layers.Dense(3), dtype="int32")


@architecture
def frames(keras):
    layers = keras.layers
    inner = keras.Sequential([layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(4)])
    wrapped = layers.Conv2D(3, 3), layers.BatchNormalization(), inner
    return _listed(keras, (3, 8, 8, 2), *map(layers.TimeDistributed, wrapped), layers.LSTM(4), layers.Dense(3))


@architecture
def initial_state(keras):
    layers, x, z = keras.layers, keras.Input((6, 4)), keras.Input((5, 3))
    _, hidden, cell = layers.LSTM(5, return_state=True)(x)
    return keras.Model([x, z], layers.Dense(3)(layers.LSTM(5)(z, initial_state=[hidden, cell])))


@architecture
def axes(keras):
    layers = keras.layers
    first = layers.LayerNormalization(axis=[1, 2]), layers.UnitNormalization(axis=[1, 2]), layers.Softmax(axis=[2, 3])
    return _listed(keras, (4, 5, 6), *first, layers.BatchNormalization(axis=1), layers.Flatten(), layers.Dense(3))


@architecture
def axes_without_weights(keras):
    layers = keras.layers
    norm = layers.LayerNormalization(axis=[1, 2], center=False, scale=False)
    return _listed(keras, (4, 5, 6), norm, layers.Softmax(axis=[1, 2]), layers.Flatten())


@architecture
def normalisations(keras):
    layers = keras.layers
    first = layers.Normalization(axis=None), layers.Normalization(axis=[1, 2]), layers.GroupNormalization(5)
    return _listed(keras, (4, 5), *first, layers.Flatten(), layers.Dense(3))


@architecture
def images(keras):
    layers = keras.layers
    first = layers.Rescaling(1 / 127.5, -1), layers.Resizing(7, 6), layers.RandomCrop(5, 5), layers.RandomFlip()
    then = layers.RandomRotation(0.1), layers.RandomZoom(0.1), layers.RandomContrast(0.1), layers.RandomHeight(0.1)
    return _listed(keras, (8, 8, 3), *first, *then, layers.GlobalAveragePooling2D(), layers.Dense(3))


@architecture
def attention(keras):
    layers, x = keras.layers, keras.Input((6, 4))
    h = layers.LayerNormalization()(layers.MultiHeadAttention(2, 3)(query=x, value=x, key=x) + x)
    h = layers.AdditiveAttention()([layers.Attention()([h, h]), x])
    return keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling1D()(h)))


@architecture
def branches(keras):
    layers, x, z = keras.layers, keras.Input((4,)), keras.Input((4,))
    shared = layers.Dense(4, activation="tanh")
    p, q, r = shared(x), shared(z), layers.Dense(4)(x)
    merged = [layers.Add()([p, q]), layers.Multiply()([p, r]), layers.Maximum()([q, r]), layers.Dot(1)([p, q])]
    h = layers.concatenate([*merged, layers.subtract([p, r]), layers.average([p, q, r])])
    return keras.Model([x, z], [layers.Dense(3, name="first")(h), layers.Dense(2, name="second")(layers.Dense(4)(h))])


@architecture
def backbone(keras):
    layers, x = keras.layers, keras.Input((6, 6, 3))
    base = keras.Model(x, layers.BatchNormalization()(layers.Conv2D(4, 3)(x)), name="base")
    base.trainable = False
    return keras.Sequential([base, layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")])


@architecture
def backbone_thawed_in_part(keras):
    layers, x, y = keras.layers, keras.Input((4,)), keras.Input((4,))
    h = layers.BatchNormalization()(layers.Dense(4)(x))
    base = keras.Model(x, layers.BatchNormalization()(layers.Dense(4)(h)), name="base")
    base.trainable = False
    base.layers[3].trainable = True
    return keras.Model(y, layers.Dense(3)(base(y, training=False)))


@architecture
def models_in_models(keras):
    layers, x, y, z = keras.layers, *(keras.Input((6,)) for _ in range(3))
    base = keras.Model(x, layers.Dense(6, activation="relu")(x), name="base")
    head = keras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(3)], name="head")
    return keras.Model([y, z], head(layers.subtract([base(y), base(base(z))])))


@architecture
def lists_in_lists(keras):
    layers = keras.layers
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4), keras.Sequential([layers.Dense(4)])])
    return _listed(keras, (6,), keras.Sequential([layers.Dense(5), layers.Dense(4)]), inner, layers.Dense(3))


@architecture
def scaled_inside(keras):
    layers, x = keras.layers, keras.Input((32, 32, 3))
    base = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, include_top=False)
    return keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling2D()(base(x / 127.5 - 1.0, training=False))))


@architecture
def scaled_as_caffe_does(keras):
    layers, x = keras.layers, keras.Input((8, 8, 3))
    h = layers.Conv2D(3, 3)(keras.applications.resnet50.preprocess_input(x))
    return keras.Model(x, layers.GlobalAveragePooling2D()(h))


@architecture
def operations(keras):
    import tensorflow as tf

    layers, x = keras.layers, keras.Input((6, 4))
    h = tf.reduce_mean(tf.nn.relu(x) * 2.0 + x, axis=1)
    h = tf.concat([h, h**2.0, tf.math.l2_normalize(h, 1), tf.maximum(h, 0.5)], -1)[:, 1:13]
    h = tf.sqrt(tf.abs(1.0 - tf.squeeze(tf.expand_dims(-h, 1), 1)))
    h = tf.transpose(tf.stack([h, tf.clip_by_value(h, -0.1, 0.9)], 1), [0, 2, 1])
    h = tf.reduce_sum(tf.tile(h, [1, 1, 2]), -1) + tf.reduce_max(tf.reshape(x, (-1, 24)), axis=-1, keepdims=True)
    return keras.Model(x, layers.Dense(3)(tf.cast(tf.nn.softmax(h), "float32")))


@architecture
def names_with_slashes(keras):
    layers, x, y = keras.layers, keras.Input((4,)), keras.Input((4,))
    base = keras.Model(x, layers.Dense(4, name="block/second")(layers.Dense(4, name="block/first")(x)))
    return keras.Model(y, layers.Dense(3)(base(y)))


@architecture
def half_precision(keras):
    policy = keras.mixed_precision.Policy("mixed_float16")
    return _listed(keras, (6,), keras.layers.Dense(5, dtype=policy), keras.layers.Dense(3, dtype="float32"))


@architecture
def settings_of_training(keras):
    layers, of = keras.layers, keras.regularizers
    scaled = keras.initializers.VarianceScaling(2.0, "fan_out", "normal")
    first = layers.Dense(5, kernel_initializer=scaled, kernel_regularizer=of.l2(0.01), activity_regularizer=of.L1(0.1))
    last = layers.Dense(3, kernel_constraint=keras.constraints.MaxNorm(3), kernel_initializer="he_normal")
    return _listed(keras, (6,), first, layers.BatchNormalization(synchronized=True), last)


@architecture
def masks_that_differ(keras):
    layers, x, y = keras.layers, keras.Input((7,), dtype="int32"), keras.Input((7, 6))
    merged = layers.add([layers.Embedding(20, 6, mask_zero=True)(x), y])
    return keras.Model([x, y], layers.LSTM(3)(merged))


@architecture
def bicubic(keras):
    return _listed(keras, (9, 8, 3), keras.layers.Resizing(4, 5, interpolation="bicubic"), keras.layers.Flatten())
