//! Sets, ranges and their text form.

use super::*;

fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

#[test]
fn a_set_knows_what_went_in_and_out() {
    let mut set = SlotSet::new();
    assert!(set.is_empty());
    assert!(set.insert(slot(64)));
    assert!(!set.insert(slot(64)));
    assert!(set.contains(slot(64)) && !set.contains(slot(63)));
    assert_eq!(set.len(), 1);
    assert!(set.remove(slot(64)));
    assert!(!set.remove(slot(64)));
    assert_eq!(set, SlotSet::default());
}

#[test]
fn the_text_of_a_set_reads_back() {
    for text in ["", "0", "16383", "0-16383", "0-99,105,200-300", "63-64,127,16320-16383"] {
        let set: SlotSet = text.parse().unwrap();
        assert_eq!(set.to_string(), text);
        assert_eq!(set.iter().collect::<SlotSet>(), set);
        assert_eq!(set.iter().count(), set.len());
    }
    assert_eq!(SlotSet::all().to_string(), "0-16383");
    assert_eq!("7,3-5,4-6".parse::<SlotSet>().unwrap().to_string(), "3-7");
}

#[test]
fn a_malformed_set_is_refused_with_the_part_that_is_wrong() {
    for text in [",", "1,", "a", "1-", "-1", "5-4", "16384", "0-16384", "1 -2", "+1", "1-2-3"] {
        assert!(text.parse::<SlotSet>().is_err(), "{text:?}");
    }
    let error = "1,5-4".parse::<SlotSet>().unwrap_err().to_string();
    assert!(error.starts_with("\"5-4\" is neither a slot nor a range"), "{error}");
}

#[test]
fn sets_combine() {
    let low: SlotSet = "0-99".parse().unwrap();
    let high: SlotSet = "100-199".parse().unwrap();
    let middle: SlotSet = "50-149".parse().unwrap();
    assert!(!low.intersects(&high) && low.intersects(&middle));
    let mut set = low.clone();
    set.union_with(&high);
    assert_eq!(set.to_string(), "0-199");
    set.difference_with(&middle);
    assert_eq!(set.to_string(), "0-49,150-199");
}
