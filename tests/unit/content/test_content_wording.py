import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.content.wording import reading_ease
from recoverymetrics.errors import DataError


def rules(text, **options):
    return rm.screen_wording({"q": text}, **options).tidy()["rule"].tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I feel at home where I live.", []),
        ("My symptoms are gone.", ["clinical"]),
        ("I take my pills as agreed.", ["compliance"]),
        ("I hold paid work.", ["productivity"]),
        ("I am unable to cope.", ["deficit"]),
        ("I am not alone.", ["negated"]),
        ("It isn't true that nobody cares.", ["double negation"]),
        ("I see my friends and my family helps me.", ["double-barrelled"]),
    ],
)
def test_each_rule_has_a_name(text, expected):
    assert rules(text) == expected


def test_length_and_reading_ease():
    hard = "Institutional participation opportunities facilitate psychosocial reintegration."
    assert "reading ease" in rules(hard)
    assert reading_ease(hard) < 0
    assert "long" in rules("I " + "see a friend " * 10)


def test_flesch_by_hand():
    # 6 words, 1 sentence, 6 syllables
    assert reading_ease("The cat sat on the mat.") == pytest.approx(206.835 - 1.015 * 6 - 84.6)


def test_own_terms():
    assert rules("I am resilient.", terms={"jargon": ["resilien*"]}) == ["jargon"]


def test_shares_and_texts():
    bank = rm.ItemBank.from_frame(pd.DataFrame({"item_id": ["a", "b"], "text": ["My symptoms.", "I hope."]}))
    result = rm.screen_wording(bank)
    assert result.glance()["share_clinical"].item() == 0.5
    assert "hints, not verdicts" in result.summary()
    assert result.tidy()["found"].tolist() == ["symptoms"]
    with pytest.raises(DataError, match="no item has a text"):
        rm.screen_wording(["a"])


def test_shares_are_those_of_the_lists_in_use():
    found = rm.screen_wording({"a": "I work hard", "b": "I rest"}, terms={"labour": ["work*"]})
    assert found.glance()["share_labour"].item() == 0.5
    assert "share_clinical" not in found.glance()
