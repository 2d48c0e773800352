"""Tokenizers from the files of a folder, new and old, and which chat template takes effect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.errors import Damaged, NotFound
from diptych.records import has_tokenizer, json_stream, read_tokenizer

FAST = {
    "version": "1.0",
    "truncation": None,
    "added_tokens": [{"id": 3, "content": "</s>", "special": True}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
    "pre_tokenizer": {"type": "ByteLevel", "use_regex": True},
    "model": {"type": "BPE", "dropout": None, "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"], "ab a"]},
}


def put(folder: Path, **files: object) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


@pytest.mark.parametrize("window", [8, 2**19])
def test_a_fast_tokenizer(window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "_WINDOW", window)
    config = {"eos_token": {"content": "</s>"}, "model_max_length": 128, "auth_note": "hf_" + "x" * 30}
    found = read_tokenizer(put(tmp_path, tokenizer__json=FAST, tokenizer_config__json=config))
    assert found.kind == "BPE"
    assert found.vocabulary == {"a": 0, "b": 1, "ab": 2, "</s>": 3}
    assert found.merges == ("a b", "ab a")
    assert found.added == {"</s>": 3}
    assert found.special == {"eos_token": "</s>"}
    assert found.settings["pre_tokenizer.type"] == "ByteLevel"
    assert found.settings["truncation"] is None
    assert found.settings["model.dropout"] is None
    assert found.settings["model_max_length"] == 128
    assert "auth_note" not in found.settings
    assert found.source.file == str(tmp_path / "tokenizer.json")
    assert (found.chat_template, found.chat_template_source) == ("", None)


def test_a_unigram_vocabulary_is_numbered_by_place(tmp_path: Path) -> None:
    model = {"type": "Unigram", "vocab": [["<unk>", 0.0], ["▁a", -1.5]]}
    assert read_tokenizer(put(tmp_path, tokenizer__json={"model": model})).vocabulary == {"<unk>": 0, "▁a": 1}


def test_the_files_of_gpt_2(tmp_path: Path) -> None:
    put(tmp_path, vocab__json={"a": 0, "b": 1}, merges__txt="#version: 0.2\na b\n# #\n", added_tokens__json={"<x>": 2})
    put(tmp_path, special_tokens_map__json={"bos_token": "<old>"}, tokenizer_config__json={"bos_token": "<new>"})
    found = read_tokenizer(tmp_path)
    assert found.kind == "BPE"
    assert found.merges == ("a b", "# #")
    assert found.vocabulary == {"a": 0, "b": 1, "<x>": 2}
    assert found.special == {"bos_token": "<new>"}


def test_the_vocabulary_of_bert(tmp_path: Path) -> None:
    found = read_tokenizer(put(tmp_path, vocab__txt="[PAD]\nthe\n##ing\n"))
    assert (found.kind, found.vocabulary) == ("WordPiece", {"[PAD]": 0, "the": 1, "##ing": 2})


def test_the_template_that_takes_effect(tmp_path: Path) -> None:
    named = [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]
    put(tmp_path, tokenizer__json=FAST, chat_template__json={"chat_template": "P"})

    def effective() -> tuple[str, str, str]:
        found = read_tokenizer(tmp_path)
        assert found.chat_template_source is not None
        source = found.chat_template_source
        return found.chat_template, Path(source.file).name, source.pointer

    assert effective() == ("P", "chat_template.json", "/chat_template")
    put(tmp_path, tokenizer_config__json={"chat_template": named})
    assert effective() == ("D", "tokenizer_config.json", "/chat_template/1/template")
    put(tmp_path, tokenizer_config__json={"chat_template": "C"})
    assert effective() == ("C", "tokenizer_config.json", "/chat_template")
    put(tmp_path, chat_template__jinja="J\n")
    assert effective() == ("J\n", "chat_template.jinja", "")


def test_where_there_is_a_tokenizer() -> None:
    assert has_tokenizer(["model.safetensors", "tokenizer.json"])
    assert has_tokenizer({"vocab.json", "merges.txt"})
    assert not has_tokenizer(["model.safetensors", "config.json"])


def test_a_folder_without_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_tokenizer(tmp_path)


@pytest.mark.parametrize(
    "content", ["", "[1]", '{"model": {"vocab": {"a": 0, "a": 1}}}', '{"model": {"vocab": {"a"', "\0\0"]
)
def test_a_broken_tokenizer_is_one_line(content: str, tmp_path: Path) -> None:
    put(tmp_path, tokenizer__json=content)
    with pytest.raises(Damaged) as caught:
        read_tokenizer(tmp_path)
    assert caught.value.message.startswith(f"{tmp_path}/tokenizer.json: ")
    assert "\n" not in caught.value.message


def test_a_vocabulary_of_odd_values_loses_only_those(tmp_path: Path) -> None:
    model = {"type": "BPE", "vocab": {"a": 0, "b": "1", "c": None, "d": 2}, "merges": None}
    assert read_tokenizer(put(tmp_path, tokenizer__json={"model": model})).vocabulary == {"a": 0, "d": 2}
