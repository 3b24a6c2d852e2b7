"""Texts as the numbers of their words, as Keras 2 has it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..system import suggest_names

__all__ = ["Tokenizer", "text_to_word_sequence", "tokenizer_from_json"]

# of a word that occurs c times in a text of n words, and in d of D texts
MODES: dict[str, Callable[[np.ndarray, int, np.ndarray, int], np.ndarray]] = {
    "binary": lambda c, n, d, D: c > 0,
    "count": lambda c, n, d, D: c,
    "freq": lambda c, n, d, D: c / max(n, 1),
    "tfidf": lambda c, n, d, D: np.where(c > 0, 1 + np.log(np.maximum(c, 1)), 0) * np.log(1 + D / (1 + d)),
}
COUNTED = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")  # as texts in a description
FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text, without the signs in `filters`.

    >>> text_to_word_sequence("To be, or not to be!")
    ['to', 'be', 'or', 'not', 'to', 'be']
    """
    text = input_text.lower() if lower else input_text
    return [word for word in text.translate({ord(sign): split for sign in filters}).split(split) if word]


class Tokenizer:
    """Numbers words, or characters, by how often they occur, from 1; 0 is left for padding.

    - `num_words`: only words with a number below it are kept in sequences
    - `char_level`: every character is a word
    - `oov_token`: what stands, with the number 1, for words that were never seen; without it they are left out

    >>> tokens = Tokenizer()
    >>> tokens.fit_on_texts(["to be or not to be", "to see"])
    >>> tokens.texts_to_sequences(["be or see"])
    [[2, 3, 5]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
    ) -> None:
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token = char_level, oov_token
        self.word_counts: dict[str, int] = {}
        self.word_docs: dict[str, int] = {}
        self.document_count = 0
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}
        self.index_docs: dict[int, int] = {}

    def _words(self, text: Any) -> list[str]:
        if self.char_level or isinstance(text, (list, tuple)):
            return [word.lower() for word in text] if self.lower else list(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of these texts too, and number all anew."""
        counts, docs = Counter(self.word_counts), Counter(self.word_docs)
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            counts.update(words)
            docs.update(set(words))
        self.word_counts, self.word_docs = dict(counts), dict(docs)
        known = [] if self.oov_token is None else [self.oov_token]
        known += sorted(counts, key=lambda word: -counts[word])
        self.word_index = {word: number for number, word in enumerate(known, 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        self.index_docs = {self.word_index[word]: count for word, count in docs.items()}

    def fit_on_sequences(self, sequences: Sequence[Iterable[int]]) -> None:
        """Count in how many of these sequences each number is, for "tfidf"."""
        self.document_count += len(sequences)
        self.index_docs = dict(Counter(self.index_docs) + Counter(int(k) for each in sequences for k in set(each)))

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """The numbers of the words of each text."""
        return [self._numbers(self._words(text)) for text in texts]

    def _numbers(self, words: list[str]) -> list[int]:
        unknown = self.word_index.get(self.oov_token) if self.oov_token is not None else None
        found = []
        for word in words:
            number = self.word_index.get(word)
            if number is None or (self.num_words and number >= self.num_words):
                number = unknown
            found += [] if number is None else [number]
        return found

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of these numbers, in one text each."""
        words = [[self.index_word.get(int(number)) for number in sequence] for sequence in sequences]
        return [self.split.join(word for word in each if word is not None) for each in words]

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """A row for each text, of num_words columns: whether a word is in it ("binary"), how often ("count"), with what
        share ("freq"), or so weighed that words of few texts count more ("tfidf")."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> np.ndarray:
        """The same of the numbers of words."""
        if mode not in MODES:
            raise ValueError(f"mode={mode!r}: it must be {', '.join(MODES)}")
        if not (self.num_words or self.word_index) or (mode == "tfidf" and not self.document_count):
            raise ValueError("this Tokenizer knows no words yet: fit_on_texts first, or give num_words")
        found = np.zeros((len(sequences), self.num_words or len(self.word_index) + 1))
        docs = np.array([self.index_docs.get(k, 0) for k in range(found.shape[1])])
        for row, sequence in zip(found, sequences):
            np.add.at(row, [k for k in sequence if k < len(row)], 1)
            row[:] = MODES[mode](row.copy(), len(sequence), docs, self.document_count)
        return found

    def get_config(self) -> dict[str, Any]:
        """What it was made with, and what it has counted, as Keras describes it."""
        made = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        return {name: getattr(self, name) for name in made} | {name: json.dumps(getattr(self, name)) for name in COUNTED}

    def to_json(self, **options: Any) -> str:
        """That as JSON, for `tokenizer_from_json` here and in Keras; `options` are those of `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **options)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The Tokenizer that `Tokenizer.to_json` described, of minirnn or of Keras."""
    config = json.loads(json_string)["config"]
    counted = {name: json.loads(config.pop(name)) for name in COUNTED}
    documents = config.pop("document_count")
    found = Tokenizer(**config)
    found.document_count = documents
    for name, counts in counted.items():
        setattr(found, name, {int(key) if name.startswith("index") else key: value for key, value in counts.items()})
    return found


suggest_names(globals())
