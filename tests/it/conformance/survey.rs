//! What a desk tells of itself: what it does not show is *cannot tell*, never *none*.

use tidegate::desk::Side;
use tidegate::desk::survey::Told;

use super::desk::Desk;

pub async fn it_tells_what_it_needs_of_us_and_what_stays_behind(desk: &Desk) {
    let target = desk.ours.survey(Side::Target).await.unwrap();
    let missing: Vec<&str> = target.needs.iter().filter(|need| need.met == Told::Known(false)).map(|need| need.name).collect();
    assert_eq!(missing, Vec::<&str>::new(), "this desk is prepared");
    assert!(target.needs.iter().all(|need| !need.cure.is_empty() && !need.what.is_empty()), "{:?}", target.needs);
    let source = desk.watcher.survey(Side::Source).await.unwrap();
    assert!(!source.stock.is_empty(), "nothing is said of what stays behind");
    assert!(!matches!(&source.addresses, Told::Known(list) if list.is_empty()), "no address is *cannot tell*");
    assert_eq!(desk.ours.addresses().await.unwrap(), target.addresses, "asked alone they are the same");
    let schema = desk.ours.schema().await.unwrap();
    let unknown: Vec<_> = target.patterns.keys().filter(|key| !schema.fields.contains_key(key)).collect();
    assert!(unknown.is_empty(), "patterns of fields that the schema does not have: {unknown:?}");
}

pub async fn it_tells_its_rules_or_that_it_does_not_show_them(desk: &Desk) {
    let rules = desk.ours.rules().await.unwrap();
    assert!(!rules.rules.is_empty() || !rules.unseen.is_empty(), "a desk without any rule has to be told as such");
    assert!(rules.rules.iter().all(|rule| !rule.does.is_empty() && !rule.title.is_empty()), "{:?}", rules.rules);
    assert!(rules.rules.iter().all(|rule| rule.spares_us) || rules.rules.is_empty() || !rules.cure.is_empty());
}
