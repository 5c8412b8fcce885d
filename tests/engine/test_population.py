"""How many streams an address, a network and all together may have."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cts.engine.ip_networks import number_of
from cts.engine.population import Population, PopulationLimits

A, B, C, D = map(number_of, ("192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1"))
D_TOO = number_of("2001:db8:0:ff::1")
RATE = 1000


def filled(limits: PopulationLimits, *numbers: int) -> Population:
    population = Population(limits)
    for number in numbers:
        population.add(number, RATE)
    return population


def test_without_limits_there_is_room_for_everybody() -> None:
    assert filled(PopulationLimits(), *[A] * 9999).beyond(A, RATE) is None


def test_an_address_may_have_so_many_streams() -> None:
    population = filled(PopulationLimits(streams_per_address=2), A, A)
    assert population.beyond(A, RATE) == "streams_per_address"
    assert population.beyond(B, RATE) is None


def test_a_network_may_have_so_many_streams_whatever_addresses_they_are_of() -> None:
    population = filled(PopulationLimits(streams_per_network=2), A, B)
    assert population.beyond(number_of("192.0.2.255"), RATE) == "streams_per_network"
    assert population.beyond(C, RATE) is None


def test_an_ipv6_network_has_its_own_prefix() -> None:
    assert filled(PopulationLimits(streams_per_network=1), D).beyond(D_TOO, RATE) == "streams_per_network"
    assert filled(PopulationLimits(streams_per_network=1, ipv6_prefix=64), D).beyond(D_TOO, RATE) is None


def test_an_address_and_all_together_may_have_so_many_bits_a_second() -> None:
    of_each = filled(PopulationLimits(bits_per_second_per_address=2 * RATE), A)
    assert [of_each.beyond(A, rate) for rate in (RATE, RATE + 1)] == [None, "bits_per_second_per_address"]
    of_all = filled(PopulationLimits(bits_per_second=2 * RATE), A)
    assert [of_all.beyond(C, rate) for rate in (RATE, RATE + 1)] == [None, "bits_per_second"]


@given(st.lists(st.sampled_from([A, B, C, D]), max_size=40))
def test_what_has_left_leaves_no_trace_and_the_rest_is_counted(numbers: list[int]) -> None:
    population = filled(PopulationLimits(), *numbers)
    leaving = numbers[::2]
    for number in leaving:
        population.remove(number, RATE)
    left = Counter(numbers) - Counter(leaving)
    assert len(population) == left.total()
    for number in (A, B, C, D):
        limited = Population(PopulationLimits(streams_per_address=max(1, left[number])))
        for each in left.elements():
            limited.add(each, RATE)
        assert (limited.beyond(number, RATE) is not None) is (left[number] > 0)
    for number in left.elements():
        population.remove(number, RATE)
    assert (len(population), population._addresses, population._networks) == (0, {}, {})
