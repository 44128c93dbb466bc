//! People: found, made, and left in peace.

use tidegate::desk::id::PersonId;
use tidegate::desk::person::{NewPerson, Removal, Role};

use super::desk::Desk;

pub async fn a_person_is_found_by_address_in_any_spelling(desk: &Desk) {
    let address = format!("Zoë.Q+{}@{}", desk.run, desk.case.domain).replace('ë', "e");
    let key = desk.key("p:1");
    assert_eq!(desk.ours.find_person(Some(&address), &key).await.unwrap(), []);
    let new = NewPerson { key: key.clone(), name: "Zoë Q, the \"first\"".into(), email: Some(address.clone()), active: true };
    let made = desk.ours.create_person(&new).await.unwrap();
    assert_eq!((made.name.as_str(), made.role, made.active), (new.name.as_str(), Role::Customer, true));
    assert!(made.email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(&address)), "{:?}", made.email);
    for spelling in [address.clone(), address.to_lowercase(), address.to_uppercase()] {
        let found = desk.ours.find_person(Some(&spelling), &desk.key("p:2")).await.unwrap();
        assert_eq!(found, std::slice::from_ref(&made), "{spelling}");
    }
    for other in [&address[1..], &format!("{address}.org")] {
        assert_eq!(desk.ours.find_person(Some(other), &desk.key("p:2")).await.unwrap(), [], "{other}");
    }
    assert_eq!(desk.ours.person(&made.id).await.unwrap(), Some(made));
}

pub async fn a_person_can_be_without_address(desk: &Desk) {
    let key = desk.key("p:1");
    let new = NewPerson { key: key.clone(), name: "Caller".into(), email: None, active: true };
    let made = desk.ours.create_person(&new).await.unwrap();
    assert_eq!((made.email.clone(), made.role, made.active), (None, Role::Customer, true));
    assert_eq!(desk.ours.find_person(None, &key).await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(desk.ours.find_person(Some("nobody@nowhere.example"), &key).await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(desk.ours.person(&made.id).await.unwrap(), Some(made));
}

pub async fn a_suspended_person_stays_so(desk: &Desk) {
    let address = format!("gone-{}@{}", desk.run, desk.case.domain);
    let new = NewPerson { key: desk.key("p:1"), name: "Gone".into(), email: Some(address.clone()), active: false };
    let made = desk.ours.create_person(&new).await.unwrap();
    assert!(!made.active);
    let found = desk.ours.find_person(Some(&address), &desk.key("p:2")).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&made));
    assert_eq!(desk.ours.person(&made.id).await.unwrap(), Some(made));
}

pub async fn whom_we_made_is_removed_or_said_to_stay(desk: &Desk) {
    let (address, key) = (format!("brief-{}@{}", desk.run, desk.case.domain), desk.key("p:1"));
    let new = NewPerson { key: key.clone(), name: "Brief".into(), email: Some(address.clone()), active: true };
    let made = desk.ours.create_person(&new).await.unwrap();
    let removal = desk.ours.remove_person(&made.id, &key).await.unwrap();
    if let Removal::Stays(why) = removal {
        assert!(!why.is_empty());
        assert_eq!(desk.ours.person(&made.id).await.unwrap(), Some(made), "nothing about them is changed");
        return;
    }
    assert_eq!(desk.ours.find_person(Some(&address), &key).await.unwrap(), []);
    assert_eq!(desk.ours.remove_person(&made.id, &key).await.unwrap(), Removal::Removed, "a second time");
    let again = desk.ours.create_person(&new).await.unwrap();
    assert_ne!(again.id, made.id);
    assert_eq!(desk.ours.find_person(Some(&address), &desk.key("p:2")).await.unwrap(), [again]);
    // Somebody who has a ticket is left alone.
    let theirs = desk.person("requester@").await;
    desk.ticket("t:1").await;
    let key = desk.key(&format!("requester@{}", desk.case.domain).replace('@', "-"));
    assert!(matches!(desk.ours.remove_person(&theirs, &key).await.unwrap(), Removal::Stays(_)));
    let agent = desk.ours.find_person(Some(desk.case.agents[0]), &desk.key("p:3")).await.unwrap().remove(0);
    assert!(matches!(desk.ours.remove_person(&agent.id, &key).await.unwrap(), Removal::Stays(_)));
}

pub async fn an_agent_is_one(desk: &Desk) {
    for address in desk.case.agents {
        let found = desk.ours.find_person(Some(address), &desk.key("p:1")).await.unwrap();
        let roles: Vec<_> = found.iter().map(|person| (person.email.as_deref(), person.role, person.active)).collect();
        assert_eq!(roles, [(Some(address), Role::Agent, true)]);
    }
}

pub async fn agents_are_told_and_customers_are_not(desk: &Desk) {
    let customer = desk.person("requester@").await;
    let own = desk.ours.identify().await.unwrap().person;
    let agents = desk.ours.agents().await.unwrap();
    for address in desk.case.agents {
        let found: Vec<_> = agents.iter().filter(|agent| agent.email.as_deref() == Some(address)).collect();
        assert!(found.len() == 1 && found[0].active, "{address}: {found:?}");
    }
    assert!(agents.iter().all(|agent| agent.role == Role::Agent && agent.id != customer), "{agents:?}");
    assert!(agents.iter().any(|agent| agent.id == own), "our own user is one: {agents:?}");
}

pub async fn nobody_is_found_by_a_key_that_nobody_has(desk: &Desk) {
    assert_eq!(desk.ours.find_person(None, &desk.key("p:404")).await.unwrap(), []);
    assert_eq!(desk.ours.person(&PersonId::new("404404404")).await.unwrap(), None);
}
