"""The table of sampling parameters against what engines honour and configs may say."""

from __future__ import annotations

import json

import pytest

from broken_record.config.load import parse
from broken_record.engines.registry import ENGINES, server_class
from broken_record.samplers import PARAMETERS, SET_ELSEWHERE, TABLE

HONOURED = {name: own for name in ENGINES if (own := server_class(name).honours)}
SCENE = {"conversation": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("engine", HONOURED)
def test_no_name_that_an_engine_honours_is_unknown_or_set_elsewhere(engine):
    assert HONOURED[engine] <= {*PARAMETERS} - {*SET_ELSEWHERE}


@pytest.mark.parametrize("parameter", TABLE, ids=lambda parameter: parameter.names[0])
def test_every_parameter_is_honoured_by_an_engine_and_no_name_stands_twice(parameter):
    assert any(honoured.intersection(parameter.names) for honoured in HONOURED.values())
    assert all(PARAMETERS[name] is parameter for name in parameter.names)


def test_vllms_own_parameters_are_taken_without_a_warning():
    sampler = {"repetition_detection": {"min_count": 3}, "add_special_tokens": False}
    assert parse(json.dumps({**SCENE, "sampler": sampler}), "c.json").warnings == ()
