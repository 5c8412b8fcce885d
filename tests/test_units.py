import contextlib
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cts.units import (
    MAX_QUANTITY,
    Between,
    Duration,
    FrameRate,
    Rate,
    Size,
    counted,
    format_duration,
    format_frame_rate,
    format_rate,
    format_size,
    parse_duration_ns,
    parse_frame_rate,
    parse_rate,
    parse_size,
    refuse_time_without_unit,
)


@pytest.mark.parametrize(
    ("text", "bits_per_second"),
    [
        ("8 Mbit/s", 8_000_000),
        ("8Mbps", 8_000_000),
        ("8 Mb/s", 8_000_000),
        ("100M", 100_000_000),
        ("1 MB/s", 8_000_000),
        ("1.5 kbit/s", 1500),
        ("1 Kbit/s", 1000),
        ("1 Kibit/s", 1024),
        ("1 KiB/s", 8192),
        ("2 Gibit/s", 2 << 30),
        ("1.2 Tbit/s", 1_200_000_000_000),
        ("64Ki", 65_536),
        ("1400", 1400),
        ("1_000_000", 1_000_000),
        ("8e6 bit/s", 8_000_000),
        ("0", 0),
        (" 8 Mbit/s ", 8_000_000),
        ("1234567.891234567 Mbit/s", 1_234_567_891_235),
    ],
)
def test_a_rate_is_read_exactly(text: str, bits_per_second: int) -> None:
    assert parse_rate(text) == bits_per_second


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "fast",
            "8 Mbit",
            "8 Mbits",
            "25mbps",
            "8 mbit/s",
            "8 MBit/s",
            "5 Pbit/s",
            "5 Pibit/s",
            "5 parsecs",
            "8 kibit/s",
        ),
        *(
            "-8 Mbit/s",
            "1,5 Mbit/s",
            "1,000",
            "rate = 8 Mbit/s",
            "inf",
            "nan bit/s",
            "0x10",
            "1e400",
            "1e19",
            "0.5",
            "1m",
        ),
        *(
            "5 _bps",
            "5 %",
            "$5",
            "5 min",
            "1..5",
            "_5",
            "5 s",
            "8 Mbit / s",
            "h",
            "8e3 kbit/s",
            "9" * 61,
            "8 Mbit/s\n8",
        ),
    ],
)
def test_what_is_not_a_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: "):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1400", 1400),
        ("1400B", 1400),
        ("64 KiB", 65_536),
        ("1.5 kB", 1500),
        ("0.5 KiB", 512),
        ("64Ki", 65_536),
        ("2MiB", 2 << 20),
    ],
)
def test_a_size_is_read_exactly(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["8e3 kbit/s", "9e3 Mbits"])
def test_no_prefix_is_taken_or_guessed_behind_an_exponent(text: str) -> None:
    with pytest.raises(ValueError, match="allowed") as caught:
        parse_rate(text)
    assert "did you mean" not in str(caught.value)


def test_a_size_of_more_digits_than_a_float_holds_is_read_exactly() -> None:
    assert parse_size("1234567890123456789 B") == 1_234_567_890_123_456_789


@pytest.mark.parametrize(
    "text", ["", "64 kib", "64 Kib", "64 bit", "1400 bytes", "-1", "0.5 B", "5 PB", "5 m", "1,5 kB"]
)
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: "):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("33.3ms", 33_300_000),
        ("5s", 5_000_000_000),
        ("5 s", 5_000_000_000),
        ("1.5s", 1_500_000_000),
        ("5", 5_000_000_000),
        ("2.5", 2_500_000_000),
        ("250 us", 250_000),
        ("250 µs", 250_000),  # U+00B5
        ("250 \u03bcs", 250_000),
        ("7ns", 7),
        ("2 min", 120_000_000_000),
        ("1.5h", 5_400_000_000_000),
        ("0s", 0),
        ("1e-3 s", 1_000_000),
        ("0.3333333333333 s", 333_333_333),
        ("0.1 s", 100_000_000),
        ("1234567890123456789 ns", 1_234_567_890_123_456_789),
    ],
)
def test_a_duration_is_read_exactly(text: str, nanoseconds: int) -> None:
    assert parse_duration_ns(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "5m",
        "5 M",
        "1m30s",
        "5 sec",
        "5 ks",
        "5 ps",
        "5 S",
        "-5s",
        "0.1ns",
        "1,5 s",
        "5_s",
        "3000000h",
        "inf",
        "inf s",
        "5mmin",
        "1e20",
    ],
)
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: "):
        parse_duration_ns(text)


@pytest.mark.parametrize(
    ("parse", "example"),
    [(parse_rate, "8 Mbit/s"), (parse_size, "64 KiB"), (parse_duration_ns, "1.5s")],
)
def test_a_refusal_shows_the_value_and_an_example_that_works(parse: Callable[[str], int], example: str) -> None:
    with pytest.raises(ValueError, match="'zzz' is not a") as caught:
        parse("zzz")
    assert f'"{example}"' in str(caught.value)
    assert parse(example) > 0


@pytest.mark.parametrize(
    ("parse", "text", "meant"),
    [
        (parse_rate, "25mbps", "25Mbps"),
        (parse_rate, "25Mbs", "25Mbps"),
        (parse_rate, "8 mbit/s", "8 Mbit/s"),
        (parse_rate, "8 MBit/s", "8 Mbit/s"),
        (parse_size, "64 kib", "64 KiB"),
    ],
)
def test_a_near_miss_names_the_unit_that_was_meant(parse: Callable[[str], int], text: str, meant: str) -> None:
    with pytest.raises(ValueError, match="did you mean") as caught:
        parse(text)
    assert str(caught.value).endswith(f"did you mean '{meant}'?")
    assert parse(meant) > 0


def test_a_unit_that_is_like_none_gets_no_guess() -> None:
    with pytest.raises(ValueError, match="allowed") as caught:
        parse_rate("5 parsecs")
    assert "did you mean" not in str(caught.value)


def test_a_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError, match=r"\.\.\.' is not a size") as caught:
        parse_size("x" * 10_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("parse", [parse_rate, parse_size, parse_duration_ns])
def test_a_value_that_fits_no_64_bits_is_too_large(parse: Callable[[str], int]) -> None:
    with pytest.raises(ValueError, match="too large; allowed: at most 9223372036854775807"):
        parse("1e30")


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "0e999999999", "0." + "0" * 50 + "1"])
@pytest.mark.parametrize("parse", [parse_rate, parse_size, parse_duration_ns])
def test_an_extreme_exponent_costs_nothing(parse: Callable[[str], int], text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse(text) == 0


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 s"),
        (1, "1 ns"),
        (1500, "1.5 us"),
        (33_300_000, "33.3 ms"),
        (5_966_666_667, "5.966666667 s"),
        (90_000_000_000, "90 s"),
        (120_000_000_000, "2 min"),
        (7_200_000_000_000, "2 h"),
        (-1500, "-1.5 us"),
    ],
)
def test_a_duration_is_written_exactly(nanoseconds: int, text: str) -> None:
    assert format_duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("bits_per_second", "text"),
    [(0, "0 bit/s"), (999, "999 bit/s"), (8_000_000, "8 Mbit/s"), (7_999_920, "7.99992 Mbit/s"), (10**10, "10 Gbit/s")],
)
def test_a_rate_is_written_exactly(bits_per_second: int, text: str) -> None:
    assert format_rate(bits_per_second) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1400, "1400 B"), (65_536, "64 KiB"), (3 << 20, "3 MiB"), (100_000, "100 kB")]
)
def test_a_size_is_written_exactly(size: int, text: str) -> None:
    assert format_size(size) == text


@settings(deadline=None)
@given(st.integers(0, MAX_QUANTITY))
@example(MAX_QUANTITY)
def test_what_is_written_reads_back_the_same(value: int) -> None:
    assert parse_duration_ns(format_duration(value)) == value
    assert parse_rate(format_rate(value)) == value


def test_counts_agree_with_their_nouns() -> None:
    assert [counted(count, "datagram") for count in (0, 1, 2000)] == ["0 datagrams", "1 datagram", "2,000 datagrams"]


@settings(deadline=None)
@given(st.integers(0, MAX_QUANTITY))
def test_a_written_size_reads_back_the_same(value: int) -> None:
    assert parse_size(format_size(value)) == value


@settings(deadline=None)
@given(
    st.text() | st.from_regex(r"[0-9._]{1,8}(e-?[0-9]{1,9})? ?[kKMGTPuµmn]?i?(bit/s|bps|B|s|min|h)?", fullmatch=True)
)
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    for parse in (parse_rate, parse_size, parse_duration_ns):
        try:
            value = parse(text)
        except ValueError as refused:
            assert "allowed: " in str(refused)  # noqa: PT017  both outcomes are right
        else:
            assert 0 <= value <= MAX_QUANTITY


@pytest.mark.parametrize(
    ("bounds", "value", "text"),
    [
        (Between(1), 0, "0 is out of range; allowed: at least 1"),
        (Between(0, 1), 1.5, "1.5 is out of range; allowed: 0 to 1"),
        (Between(1), Rate(0), "0 bit/s is out of range; allowed: more than 0"),
        (Between(53, 65_500), Size(65_536), "65536 B is out of range; allowed: 53 B to 65500 B"),
        (Between(1_000_000), Duration(999), "999 ns is out of range; allowed: at least 1 ms"),
    ],
)
def test_bounds_are_told_in_the_unit_of_the_value(bounds: Between, value: float, text: str) -> None:
    with pytest.raises(ValueError, match="out of range") as caught:
        bounds(value)
    assert str(caught.value) == text


@pytest.mark.parametrize("value", [53, 54, 65_500])
def test_bounds_are_inclusive(value: float) -> None:
    Between(53, 65_500)(value)


def test_importing_the_module_loads_nothing_heavy() -> None:
    script = "import sys; before = set(sys.modules); import cts.units, cts.errors; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"attrs", "attr", "cattrs", "tomli", "trio", "dataclasses", "difflib"} & set(loaded)
    assert "cts.units" in loaded


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("30", Fraction(30)),
        ("29.97", Fraction(2997, 100)),
        ("23.976", Fraction(2997, 125)),
        ("30000/1001", Fraction(30_000, 1001)),
        (" 30_000 / 1_001 ", Fraction(30_000, 1001)),
        ("0.5", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("1e-07", Fraction(1, 10**7)),
        ("60/2", Fraction(30)),
    ],
)
def test_a_frame_rate_is_read_exactly(text: str, rate: Fraction) -> None:
    assert parse_frame_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "30 fps", "1/0", "30/", "/30", "0", "0/5", "-30", "1e-400", "1e999", "9" * 61, "inf"]
)
def test_what_is_no_frame_rate_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(
        ValueError, match=r'allowed: a number of frames per second .* or a ratio, such as "30000/1001"$'
    ):
        parse_frame_rate(text)


@pytest.mark.parametrize(
    ("rate", "text", "plain"),
    [
        (FrameRate(30), "30", 30),
        (FrameRate(2997, 100), "29.97", "2997/100"),
        (FrameRate(30_000, 1001), "30000/1001", "30000/1001"),
        (FrameRate(1, 2), "0.5", "1/2"),
    ],
)
def test_a_frame_rate_is_written_exactly(rate: FrameRate, text: str, plain: int | str) -> None:
    assert (format_frame_rate(rate), rate.plain) == (text, plain)
    assert parse_frame_rate(text) == parse_frame_rate(str(plain)) == rate


@pytest.mark.parametrize(
    ("read", "kind"), [(parse_duration_ns, "duration"), (parse_rate, "rate"), (parse_size, "size")]
)
def test_a_negative_quantity_is_told_for_what_it_is(read: Callable[[str], int], kind: str) -> None:
    with pytest.raises(ValueError, match=f"^'-1' is negative, which a {kind} must not be; allowed: "):
        read("-1")
    with pytest.raises(ValueError, match=f"^'-x' is not a {kind}; "):
        read("-x")


@pytest.mark.parametrize(("text", "meant"), [("20", "'20ms' or '20s'"), (" .5 ", "'.5ms' or '.5s'"), ("1e3", "'1e3s'")])
def test_a_time_without_unit_is_told_what_may_be_meant(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"has no unit; did you mean {meant}"):
        refuse_time_without_unit(text)


@pytest.mark.parametrize("text", ["0", "0.0", "20ms", "1e3s", "soon", "", "-5"])
def test_nothing_and_what_has_a_unit_or_is_no_number_is_not_asked_about(text: str) -> None:
    refuse_time_without_unit(text)


@pytest.mark.parametrize(
    ("text", "meant"), [("1m", "'1min' or '1ms'"), ("10 sec", "'10 s'"), ("2 minutes", "'2 min'"), ("3H", "'3h'")]
)
def test_a_duration_of_a_unit_that_is_not_read_is_told_the_ones_that_may_be_meant(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean {meant}"):
        parse_duration_ns(text)


@pytest.mark.parametrize("text", ["5 furlongs", "5 M5"])
def test_what_is_near_no_unit_of_time_is_told_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration") as refused:
        parse_duration_ns(text)
    assert "did you mean" not in str(refused.value)
