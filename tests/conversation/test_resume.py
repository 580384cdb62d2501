"""What failures cost: a turn at most. Retry, resume, kill, full disks, many at once."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from broken_record.config.load import parse
from broken_record.conversation.converse import Side, converse
from broken_record.data import Attempt, EngineInfo, Role, Turn
from broken_record.engines.retry import Patience
from broken_record.engines.scripted import ScriptedEngine
from broken_record.errors import BrokenStream, ContextFull, EngineUnreachable, RequestRefused
from broken_record.files.record import lock
from tests.replay import LLAMA, http_json, replay, reply
from tests.test_parrot import ROOT, SCENE, parrot, put_config, read, wait_for
from tests.test_parrot_sh import here, parrot_sh  # noqa: F401

SHORT = ("--set", "total_tokens=400", "--set", "reproducible=true", "--seed", "5")
BROKEN = BrokenStream("the wire broke")


ROLES: tuple[tuple[Role, str], ...] = (("assistant", "A:"), ("user", "U:"))


def sides(*replies, n_ctx=None, tokens=3):
    engine = ScriptedEngine(*replies, tokens=tokens)
    info = EngineInfo("scripted", n_ctx=n_ctx)
    return engine, [
        Side(role, engine, info, engine.template, prefix, prefix, {}) for role, prefix in ROLES
    ]


def config(**more):
    return parse(json.dumps({**SCENE, "api_url": "http://h:1", **more}), "c").config


def waits():
    waited: list[float] = []
    return waited, Patience(sleep=waited.append)


def test_what_breaks_is_tried_again_and_kept_as_an_attempt():
    engine, (a, u) = sides(BROKEN, "one", EngineUnreachable("gone"), "two", "three")
    waited, patience = waits()
    events = list(converse(config(), a, u, seed=1, patience=patience))
    turns = [event for event in events if isinstance(event, Turn)]
    assert [turn.content for turn in turns] == ["A: one", "U: two", "A: three"]
    attempts = [event for event in events if isinstance(event, Attempt)]
    assert [(t.index, t.content, t.error) for t in attempts] == [
        (1, "A:", "the wire broke"), (2, "U:", "gone")
    ]  # fmt: skip
    assert len(waited) == 2 and all(0.2 < pause < 0.6 for pause in waited)
    assert engine.seeds[0] == engine.seeds[1] and engine.seeds[2] == engine.seeds[3]


def test_patience_ends_after_three_tries_or_when_its_time_is_up():
    _, (a, u) = sides(BROKEN)
    waited, patience = waits()
    with pytest.raises(BrokenStream):
        list(converse(config(), a, u, seed=1, patience=patience))
    assert len(waited) == 2
    waited = []
    overnight = Patience(tries=None, seconds=3600, sleep=waited.append)
    _, (a, u) = sides(*[BROKEN] * 9, " at last")
    assert [e for e in converse(config(), a, u, seed=1, patience=overnight) if isinstance(e, Turn)]
    assert waited[-1] <= 10 and len(waited) >= 9
    with pytest.raises(BrokenStream):
        list(converse(config(retry_for_s=0), *sides(BROKEN)[1], seed=1))


def test_a_reply_that_breaks_after_a_long_time_is_tried_again_all_the_same():
    now = [0.0]

    class Slow(ScriptedEngine):
        def stream(self, *arguments, **more):
            now[0] += 60  # a minute for every reply, broken or not
            return super().stream(*arguments, **more)

    engine = Slow(BROKEN, "one", "two", "three")
    two = [replace(side, engine=engine) for side in sides("x")[1]]
    patience = Patience(sleep=lambda pause: None, clock=lambda: now[0])
    events = list(converse(config(), *two, seed=1, patience=patience))
    assert sum(isinstance(event, Turn) for event in events) == 3


@pytest.mark.parametrize("error", [RequestRefused("401"), ContextFull("full")])
def test_what_no_other_try_can_mend_ends_at_once(error):
    engine, (a, u) = sides(error)
    with pytest.raises(type(error)):
        list(converse(config(), a, u, seed=1))
    assert len(engine.seeds) == 1


def test_a_resumed_conversation_goes_on_as_if_nothing_had_happened():
    said = [f"word {i}" for i in range(9)]
    whole = [e for e in converse(config(total_tokens=27), *sides(*said)[1], seed=3)
             if isinstance(e, Turn)]  # fmt: skip
    for n in range(1, len(whole)):
        _, two = sides(*said[n:])
        rest = converse(config(total_tokens=27), *two, seed=3, said=whole[:n])
        got = [event for event in rest if isinstance(event, Turn)]
        assert [(t.index, t.role, t.content, t.seed) for t in whole[:n] + got] == [
            (t.index, t.role, t.content, t.seed) for t in whole
        ]


def test_the_last_instructions_end_every_prompt_of_a_dialogue_that_is_resumed_or_trimmed():
    words = " " + "word " * 20
    trimming = config(total_tokens=900, turn_max_tokens=25, context="trim")

    def hold(said):
        engine, (a, u) = sides(words, n_ctx=200, tokens=20)
        a = replace(a, post_history="Be brief. " * 20)
        events = converse(trimming, a, u, seed=1, said=said)
        return engine, [event for event in events if isinstance(event, Turn)]

    engine, whole = hold(())
    again, rest = hold(whole[:21])
    assert again.prompts == engine.prompts[21:] and len(whole[:21] + rest) == len(whole)
    assert whole[20].trimmed and whole[20].role == "assistant"
    for prompt in engine.prompts[::2]:
        assert prompt.endswith(f"[system]{'Be brief. ' * 20}[assistant]A:")
        assert prompt.count("Be brief.") == 20 and len(prompt.split()) + 25 < 200
    assert not any("brief" in prompt for prompt in engine.prompts[1::2])


def test_a_full_context_stops_or_is_trimmed_in_big_steps():
    words = " " + "word " * 20
    stopping = config(total_tokens=900, turn_max_tokens=25, context="stop")
    turns = [e for e in converse(stopping, *sides(words, n_ctx=200, tokens=20)[1], seed=1)
             if isinstance(e, Turn)]  # fmt: skip
    assert 5 < len(turns) < 12
    trimming = replace(stopping, context="trim")
    engine, two = sides(words, n_ctx=200, tokens=20)
    turns = [e for e in converse(trimming, *two, seed=1) if isinstance(e, Turn)]
    assert len(turns) == 45
    dropped = [turn.trimmed or 0 for turn in turns if turn.role == "assistant"]
    assert dropped == sorted(dropped) and dropped[-1] > 20 and len(set(dropped)) < 14
    assert all(len(prompt.split()) + 25 < 200 for prompt in engine.prompts)
    assert all(prompt.startswith("[user]Mark: hi") for prompt in engine.prompts[::2])


def test_a_dialogue_that_will_not_fit_is_refused_before_the_first_token(tmp_path):
    done = parrot("config.json", "--set", "total_tokens=30000", cwd=ROOT)
    assert done.returncode == 1 and done.stdout == b""
    for words in (b"will be full at about turn", b'"context": "stop"', b'"context": "trim"'):
        assert words in done.stderr


def test_a_record_resumes_to_the_same_dialogue_and_times_add_up(tmp_path):
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    done = parrot("config.json", *SHORT, "--record", whole, cwd=ROOT)
    assert done.returncode == 0
    lines = whole.read_text().splitlines(keepends=True)
    cut.write_text("".join(lines[:5]) + lines[5][:40])
    again = parrot("--resume", cut, cwd=ROOT)
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout  # the whole log, from the beginning
    assert [t.content for t in read(cut).turns] == [t.content for t in read(whole).turns]
    assert read(cut).status == "done"
    assert (tmp_path / "cut.jsonl.torn").read_text() == lines[5][:40] + "\n"
    cut.write_text("".join(lines[:5]).rstrip("\n"))  # by hand, without the last newline
    assert parrot("--resume", cut, cwd=ROOT).returncode == 0
    assert [t.content for t in read(cut).turns] == [t.content for t in read(whole).turns]
    before = cut.read_bytes()
    third = parrot("--resume", cut, cwd=ROOT)
    assert third.returncode == 0 and b"done already" in third.stderr and cut.read_bytes() == before


def test_a_drifted_config_or_server_is_refused_and_says_what_changed(tmp_path):
    record = tmp_path / "a.jsonl"
    with replay({**LLAMA, "/v1/completions": reply(" one")}) as (url, _):
        path = put_config(tmp_path, url, total_tokens=6)
        assert parrot(path, "--record", record, "--seed", 1).returncode == 0
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join(lines[:2]))
        other = put_config(tmp_path, url, total_tokens=9)
        refused = parrot(other, "--resume", record)
        assert refused.returncode == 2 and b"total_tokens: 6 was recorded, now 9" in refused.stderr
        assert record.read_text() == "".join(lines[:2])
        assert parrot(other, "--resume", record, "--resume-anyway").returncode == 0
        assert len(read(record).turns) == 3
        record.write_text("".join(lines[:2]))
        done = parrot(
            "--resume", record, "--set", "total_tokens=9", "--resume-anyway", cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr  # from the record's config, not ./config.json
    assert len(read(record).turns) == 3 and read(record).config["total_tokens"] == 9
    header = json.loads(lines[0])
    header["assistant"]["model"] = "another"
    record.write_text(json.dumps(header) + "\n" + lines[1])
    with replay({**LLAMA, "/v1/completions": reply(" one")}) as (url, _):
        header["config"].update(api_url=url, user_api_url=url)
        record.write_text(json.dumps(header) + "\n" + lines[1])
        refused = parrot("--resume", record)
    assert refused.returncode == 2 and b"model another was recorded" in refused.stderr


def test_a_kind_in_stop_on_that_does_not_exist_is_refused_on_resume_too(tmp_path):
    record = tmp_path / "a.jsonl"
    with replay({**LLAMA, "/v1/completions": reply(" one")}) as (url, _):
        assert parrot(put_config(tmp_path, url), "--record", record).returncode == 0
        begun = "".join(record.read_text().splitlines(keepends=True)[:2])
        record.write_text(begun)
        other = put_config(tmp_path, url, stop_on=["single_turn_lop"])
        refused = parrot(other, "--resume", record, "--resume-anyway")
    assert refused.returncode == 2 and record.read_text() == begun
    assert b"unknown kind single_turn_lop; did you mean single_turn_loop?" in refused.stderr


def kill_and_resume(tmp_path, moment, whole):
    """Kill a dialogue that has shown `moment` bytes, and go on; how many turns were kept."""
    record = tmp_path / f"{moment}.jsonl"
    command = [sys.executable, "parrot.py", *SHORT, "--record", str(record)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        shown = 0
        while shown < moment and (piece := process.stdout.read(64)):
            shown += len(piece)
        os.killpg(process.pid, signal.SIGKILL)
    if not record.read_text().count("\n"):
        return 0  # nothing had been written yet
    kept = read(record).turns
    assert [t.content for t in kept] == [t.content for t in whole[: len(kept)]]
    done = parrot("--resume", record, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert [t.content for t in read(record).turns] == [t.content for t in whole]
    assert [t.index for t in read(record).turns] == [t.index for t in whole]
    return len(kept)


def uninterrupted(tmp_path):
    record = tmp_path / "whole.jsonl"
    assert parrot("config.json", *SHORT, "--record", record, cwd=ROOT).returncode == 0
    return read(record).turns


def test_kill_9_at_ten_moments_costs_no_turn(tmp_path):
    whole = uninterrupted(tmp_path)
    rng = random.Random(7)
    shown = sum(len(turn.content) for turn in whole)
    kept = [kill_and_resume(tmp_path, rng.randrange(shown), whole) for _ in range(10)]
    assert sum(0 < turns < len(whole) for turns in kept) >= 3  # most moments fell into the talk


@pytest.mark.slow
def test_kill_9_at_a_hundred_moments_costs_no_turn(tmp_path):
    whole = uninterrupted(tmp_path)
    rng = random.Random(8)
    shown = sum(len(turn.content) for turn in whole)
    moments = rng.sample(range(shown), 100)
    kept = [kill_and_resume(tmp_path, moment, whole) for moment in moments]
    assert sum(0 < turns < len(whole) for turns in kept) >= 30


def test_a_full_disk_names_the_file_and_what_was_written_resumes(tmp_path):
    record = tmp_path / "a.jsonl"

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    done = subprocess.run(
        [sys.executable, "parrot.py", *SHORT, "--record", str(record)],
        cwd=ROOT, capture_output=True, preexec_fn=small_files,
    )  # fmt: skip
    assert done.returncode == 1 and str(record).encode() in done.stderr
    assert b"cannot be written: File too large" in done.stderr and b"Traceback" not in done.stderr
    kept = read(record)
    assert kept.status == "unfinished" and len(kept.turns) >= 3
    assert parrot("--resume", record, cwd=ROOT).returncode == 0
    assert read(record).status == "done"


def test_a_killed_server_is_started_again_and_costs_no_turn(here):  # noqa: F811
    process = subprocess.Popen(
        ["bash", str(ROOT / "parrot.sh"), "1", "--", "--set", "total_tokens=1500"],
        cwd=here, env={**os.environ, "PYTHON": sys.executable}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: any(path.read_text().count('"turn"') > 9 for path in here.glob("*/*.jsonl")))
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "pid,ppid,args"], capture_output=True, text=True
    ).stdout
    servers = [line.split()[0] for line in listed.splitlines()
               if "embedded_server" in line and line.split()[1] == str(process.pid)]  # fmt: skip
    assert len(servers) == 2
    os.kill(int(servers[0]), signal.SIGKILL)
    assert process.wait(timeout=60) == 0
    [record] = here.glob("*/*.jsonl")
    dialogue = read(record)
    assert dialogue.status == "done" and '"type": "attempt"' in record.read_text()
    assert [turn.index for turn in dialogue.turns] == list(range(3, 3 + len(dialogue.turns)))


def test_dialogues_at_once_are_the_same_as_one_after_the_other(here):  # noqa: F811
    short = ("--set", "total_tokens=120", "--seed", "40")
    assert parrot_sh(here, 4, "-j", 2, "--", *short).returncode == 0
    assert parrot_sh(here, 4, "--", *short).returncode == 0
    one, other = (
        [[t.content for t in read(path).turns] for path in sorted(folder.glob("*.jsonl"))]
        for folder in sorted(path for path in here.iterdir() if path.is_dir())
    )
    assert one == other and len(one) == 4


def test_a_cut_off_run_is_finished_and_finished_dialogues_are_left_alone(here):  # noqa: F811
    done = parrot_sh(here, 3, "--", "--set", "total_tokens=120")
    assert done.returncode == 0
    [folder] = (path for path in here.iterdir() if path.is_dir())
    first, second, third = sorted(folder.glob("*.jsonl"))
    untouched = first.read_bytes()
    second.write_text("".join(second.read_text().splitlines(keepends=True)[:3]))
    third.unlink()
    again = parrot_sh(here, "--resume", folder.name)
    assert again.returncode == 0 and "all 2 dialogues done" in again.stderr
    assert first.read_bytes() == untouched
    assert [read(path).status for path in (first, second, third)] == ["done"] * 3
    assert "nothing to do" in parrot_sh(here, "--resume", folder.name).stderr
    third.write_text("")  # not even its first line: it begins anew
    with first.open("a") as held:
        lock(held)  # as its process would; nobody touches its log
        log = first.with_suffix(".log").read_bytes()
        assert "all 1 dialogues done" in parrot_sh(here, "--resume", folder.name).stderr
        assert first.with_suffix(".log").read_bytes() == log
    assert third.with_name(third.name + ".torn").read_text() == ""
    second.write_text(second.read_text().replace('"version": 1', '"version": 2', 1))
    refused = parrot_sh(here, "--resume", folder.name)
    assert refused.returncode == 1 and "version 2; this program reads up to 1" in refused.stderr
    assert '"version": 2' in second.read_text()
    assert parrot_sh(here, "--resume", "nowhere").returncode == 1


def test_reproducible_dialogues_do_not_run_at_once(here):  # noqa: F811
    done = parrot_sh(here, 2, "-j", 2, "--", "--set", "reproducible=true")
    assert done.returncode == 2 and "one dialogue at a time" in done.stderr


def test_a_record_that_another_process_writes_is_not_gone_on_with(tmp_path):
    record = tmp_path / "a.jsonl"
    with replay({**LLAMA, "/v1/completions": reply(" one")}) as (url, _):
        assert parrot(put_config(tmp_path, url), "--record", record).returncode == 0
        torn = record.read_text().splitlines(keepends=True)[0] + '{"type": "tu'
        record.write_text(torn)
        with record.open("a") as file:
            lock(file)
            refused = parrot("--resume", record)
            assert refused.returncode == 1 and b"another process is writing it" in refused.stderr
            assert record.read_text() == torn
        assert parrot("--resume", record).returncode == 0
    assert read(record).status == "done"


def test_a_record_whose_turns_cannot_be_numbered_on_is_left_as_it_is(tmp_path):
    record = tmp_path / "a.jsonl"
    with replay({**LLAMA, "/v1/completions": reply(" one")}) as (url, _):
        path = put_config(tmp_path, url, total_tokens=3)
        assert parrot(path, "--record", record).returncode == 0
        header, turn, *_ = record.read_text().splitlines(keepends=True)
        record.write_text(header + turn.replace('"index": 1', '"index": 7'))
        before = record.read_bytes()
        refused = parrot("--resume", record)
        assert refused.returncode == 2 and b"expected turns numbered from 1" in refused.stderr
        record.write_text(header + turn)
        two = [{"role": "system", "content": "Be brief."}] * 2
        other = put_config(tmp_path, url, total_tokens=3, conversation=two)
        refused = parrot(other, "--resume", record, "--resume-anyway")
        assert refused.returncode == 2 and b"expected turns numbered from 2" in refused.stderr
    assert b'"index": 7' in before and b"resume" not in record.read_bytes()


def test_two_that_go_on_with_one_record_do_not_say_its_turns_twice(tmp_path):
    record = tmp_path / "a.jsonl"
    with replay({**LLAMA, "/v1/completions": reply(" one")}) as (url, _):
        assert parrot(put_config(tmp_path, url), "--record", record).returncode == 0
        lines = record.read_text().splitlines(keepends=True)
        record.write_text(lines[0])
        command = [sys.executable, str(ROOT / "parrot.py"), "--resume", str(record)]
        both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                for _ in range(2)]  # fmt: skip
        said = [process.communicate()[1] for process in both]
    for process, errors in zip(both, said, strict=True):
        held = b"another process is writing it" in errors
        assert process.returncode == int(held) and b"Traceback" not in errors
    assert read(record).status == "done" and len(read(record).turns) == len(lines) - 2


def served_with(model, size=5):
    models = http_json({"data": [{"id": model, "meta": {"size": size}}]})
    return {**LLAMA, "/v1/models": models, "/v1/completions": reply(" one")}


@pytest.mark.parametrize(("model", "size", "said"), [
    ("other", 5, "assistant: model one was recorded, now other"),
    ("one", 6, "assistant: digest 5 bytes was recorded, now 6 bytes"),
])  # fmt: skip
def test_a_run_keeps_its_model_also_for_dialogues_that_had_not_begun(model, size, said, here):  # noqa: F811
    with replay(served_with("one")) as (url, _):
        put_config(here, url)
        assert parrot_sh(here, 2, "c.json").returncode == 0
        [folder] = here.glob("parrot_*")
        [first, second] = sorted(folder.glob("*.jsonl"))
        run = json.loads((folder / "run.json").read_text())
        assert run["servers"]["user"]["model"] == "one"
        second.unlink()
    with replay(served_with(model, size)) as (url, _):
        run["config"].update(api_url=url, user_api_url=url)
        (folder / "run.json").write_text(json.dumps(run))
        refused = parrot_sh(here, "--resume", folder.name)
        assert refused.returncode == 1 and said in refused.stderr
        assert f'take "servers" out of {folder.name}/run.json' in refused.stderr
        assert read(first).status == "done" and not read(second).turns
        run.pop("servers")  # the way out that it names
        (folder / "run.json").write_text(json.dumps(run))
        again = parrot_sh(here, "--resume", folder.name)
        assert again.returncode == 0, again.stderr
    assert read(second).status == "done" and read(second).assistant.model == model
