"""Words and windows as numbers, beside what TensorFlow's Keras has under these names."""

from __future__ import annotations

import numpy as np
import pytest

from minirnn.preprocessing.sequence import TimeseriesGenerator, pad_sequences
from minirnn.preprocessing.text import Tokenizer, text_to_word_sequence, tokenizer_from_json

TEXTS = ["The cat, the DOG!", "a cat\tsat; it sat", "", "dog dog dog"]


@pytest.mark.parametrize("given", [{}, {"num_words": 4}, {"num_words": 4, "oov_token": "<OOV>"}, {"char_level": True}])
def test_words_are_numbered_as_by_keras(given):
    from keras.src.legacy.preprocessing import text

    ours, theirs = Tokenizer(**given), text.Tokenizer(**given)
    for tokens in (ours, theirs):
        tokens.fit_on_texts(TEXTS[:2])
        tokens.fit_on_texts(TEXTS[2:])
    new = [*TEXTS, "a cow sat"]
    found = ours.texts_to_sequences(new)
    assert found == theirs.texts_to_sequences(new)
    assert ours.word_index == theirs.word_index and ours.document_count == theirs.document_count
    assert ours.sequences_to_texts(found) == theirs.sequences_to_texts(found)
    for mode in ("binary", "count", "freq"):
        np.testing.assert_array_equal(ours.texts_to_matrix(new, mode), theirs.texts_to_matrix(new, mode))
    assert text_to_word_sequence(TEXTS[0]) == text.text_to_word_sequence(TEXTS[0])
    assert pad_sequences(found, maxlen=3).shape == (5, 3)


@pytest.mark.parametrize(
    "given", [{}, {"sampling_rate": 2, "stride": 3, "reverse": True}, {"start_index": 2, "end_index": 9}]
)
def test_windows_as_by_keras(given):
    from keras.src.legacy.preprocessing import sequence

    data = np.random.default_rng(0).normal(size=(13, 2))
    ours, theirs = (
        kind(data, data[:, 0], length=4, batch_size=3, **given)
        for kind in (TimeseriesGenerator, sequence.TimeseriesGenerator)
    )
    assert len(ours) == len(theirs)
    for k in range(len(ours)):
        for a, b in zip(ours[k], theirs[k], strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="no window of length 40"):
        TimeseriesGenerator(data, data, length=40)


@pytest.mark.parametrize("words", [None, 4])
def test_a_tokenizer_as_data_and_as_matrices(words):
    from keras.src.legacy.preprocessing import text

    texts = ["to be or not to be", "to see!", "Or what is to be seen"]
    ours, theirs = Tokenizer(words, oov_token="?"), text.Tokenizer(words, oov_token="?")
    for tokens in (ours, theirs):
        tokens.fit_on_texts(texts)
        tokens.fit_on_sequences([[1, 2, 2], [3], [2]])
    for mode in ("binary", "count", "freq", "tfidf"):
        np.testing.assert_allclose(ours.texts_to_matrix(texts, mode), theirs.texts_to_matrix(texts, mode))
    read, back = tokenizer_from_json(theirs.to_json()), text.tokenizer_from_json(ours.to_json(indent=2))
    assert read.get_config() == theirs.get_config() and back.word_index == ours.word_index
    assert read.texts_to_sequences(texts) == theirs.texts_to_sequences(texts) and back.index_docs == ours.index_docs
    with pytest.raises(ValueError, match="knows no words yet"):
        Tokenizer().texts_to_matrix(texts)
    with pytest.raises(ValueError, match="it must be binary, count, freq, tfidf"):
        ours.texts_to_matrix(texts, "often")
