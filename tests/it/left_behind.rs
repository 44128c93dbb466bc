//! With the old desk switched off nothing leads there: images and files are in the new desk, links between tickets lead to new
//! tickets, and who works there reaches the customers.

use reqwest::StatusCode;
use tidegate::connectors::REGISTER;
use tidegate::connectors::contract::Read;
use tidegate::desk::body::{Body, INLINE_SCHEME};
use tidegate::desk::id::TicketId;
use tidegate::desk::ticket::{Message, Ticket};
use tidegate::sim::stage::{File, Text};

use crate::carried::way::{WAYS, say};
use crate::world::desk::customer;
use crate::world::process::follow;
use crate::world::stand::World;

/// The page of a ticket at a desk.
fn page(world: &World, new: bool, ticket: &str) -> String {
    let course = world.process.course();
    let (desk, address) = if new { (&course.target, &course.pages.new) } else { (&course.source, &course.pages.old) };
    desk.capabilities().page_of(address, &TicketId::new(ticket))
}

async fn there(world: &World, ticket: &str) -> Ticket {
    let id = TicketId::new(world.mirrored(ticket).id);
    match world.process.course().target.read(&id, None).await.expect("the target answers") {
        Read::Found(ticket) => *ticket,
        other => panic!("{other:?}"),
    }
}

/// The message's HTML, without what some desks add to every link.
fn html(message: &Message) -> String {
    match &message.body {
        Body::Html(html) => html.replace(" rel=\"noopener noreferrer\"", ""),
        Body::Text(text) => panic!("no HTML: {text}"),
    }
}

#[test]
fn a_ticket_s_page_is_known_again() {
    for can in REGISTER {
        let desk = "https://desk.example/below";
        let page = can.page_of(desk, &TicketId::new("4711"));
        for known in [page.clone(), format!("{page}#txn-9"), format!("{page}&x=1"), format!("{page}/events")] {
            assert_eq!(can.ticket_of(desk, &known), Some(TicketId::new("4711")), "{known}");
        }
        for other in [format!("{page}a"), page.replace("4711", ""), page.replace("below", "above"), desk.to_string()] {
            assert_eq!(can.ticket_of(desk, &other), None, "{other}");
        }
    }
}

#[tokio::test]
async fn links_between_tickets_lead_to_the_new_ones_and_read_as_before() {
    for way in WAYS {
        let mut world = way.world().begin().await;
        let first = world.source.open("Order one", "Where is it?");
        world.copy().await;
        let (old, unknown) = (page(&world, false, &first), page(&world, false, "4711"));
        let second = world.source.open("Order two", &format!("The same as {old}, please."));
        let body = format!("<p>See <a href=\"{old}\">the other</a> and <a href=\"{unknown}\">this</a>.</p>");
        say(&world.source, &customer(), &second, true, Text { body, html: true, files: Vec::new() });
        world.settle().await;
        let copy = there(&world, &second).await;
        let new = page(&world, true, &world.mirrored(&first).id).replace('&', "&amp;");
        let [opening, answer] = [html(&copy.messages[0]), html(copy.messages.last().expect("two messages"))];
        assert!(opening.contains(&format!("<a href=\"{new}\">{old}</a>")), "{way:?}: {opening}");
        assert!(answer.contains(&format!("<a href=\"{new}\">the other</a>")), "{way:?}: {answer}");
        let numbers = format!("{}/t/demo/4711", world.process.url);
        assert!(answer.contains(&format!("<a href=\"{numbers}\">this</a>")), "{way:?}: {answer}");
        let report = world.check().await;
        assert!(report.at_parity(), "{way:?}: {:?}", report.lines());
    }
}

/// Where people open the only file of a ticket in the old desk.
async fn file_page(world: &World, ticket: &str) -> String {
    let source = &world.process.course().source;
    let Ok(Read::Found(read)) = source.read(&TicketId::new(ticket), None).await else { panic!("{ticket} is not there") };
    let (message, file) =
        read.messages.iter().find_map(|message| Some((message, message.attachments.first()?))).expect("it has a file");
    match world.source.kind.vendor {
        "zendesk" => file.locator.clone(),
        _ => format!("{}/Ticket/Attachment/{}/{}/{}", world.source.running.url, message.id, file.id, file.name),
    }
}

#[tokio::test]
async fn a_link_to_a_file_of_an_old_ticket_leads_to_the_new_ticket_which_has_it() {
    for way in WAYS {
        let mut world = way.world().begin().await;
        let [ticket, other] = ["one", "two"].map(|name| {
            let ticket = world.source.open(&format!("Order {name}"), "Where is it?");
            let files =
                vec![File { name: "bill.txt".into(), content_type: "text/plain".into(), bytes: b"9 EUR".into(), inline: false }];
            say(&world.source, &customer(), &ticket, true, Text { body: "See there.".into(), html: false, files });
            ticket
        });
        world.copy().await;
        let (here, elsewhere) = (file_page(&world, &ticket).await, file_page(&world, &other).await);
        let path = match world.source.kind.vendor {
            "zendesk" => "/attachments/token/nobodys",
            _ => "/Ticket/Attachment/4711/4712/bill.txt",
        };
        let unknown = format!("{}{path}", world.source.running.url);
        let body = format!(
            "<p>You sent <a href=\"{here}\">a bill</a>, <a href=\"{elsewhere}\">another</a> and <a href=\"{unknown}\">this</a>.</p>"
        );
        say(&world.source, &customer(), &ticket, true, Text { body, html: true, files: Vec::new() });
        world.settle().await;
        let answer = html(there(&world, &ticket).await.messages.last().expect("three messages"));
        let new = page(&world, true, &world.mirrored(&ticket).id).replace('&', "&amp;");
        assert!(answer.contains(&format!("<a href=\"{new}\">a bill</a>")), "{way:?}: {answer}");
        let others = page(&world, true, &world.mirrored(&other).id);
        assert!(answer.contains(&format!("<a href=\"{}\">another</a>", others.replace('&', "&amp;"))), "{way:?}: {answer}");
        // One that may come yet is led to by the gateway, which knows by then.
        let files = "/t/demo/file";
        assert!(answer.contains(&format!("<a href=\"{}{files}{path}\">this</a>", world.process.url)), "{way:?}: {answer}");
        let known = elsewhere.strip_prefix(&world.source.running.url).expect("it is there").split('?').next().expect("a path");
        for (path, leads) in [(known, others), (path, unknown)] {
            let (status, to, _) = follow(&world.process.url, &format!("{files}{path}")).await;
            assert_eq!((status, to.trim_end_matches('/')), (StatusCode::FOUND, leads.as_str()), "{way:?}: {path}");
        }
        let spoken = format!("{path}%20Gr%C3%BC%C3%9Fe");
        let (_, to, _) = follow(&world.process.url, &format!("{files}{spoken}")).await;
        assert_eq!(to, format!("{}{spoken}", world.source.running.url), "{way:?}");
        for path in ["/Admin/Users", "/../secret"] {
            assert_eq!(follow(&world.process.url, &format!("{files}{path}")).await.0, StatusCode::NOT_FOUND, "{path}");
        }
        world.sql("update mirror set phase = 'retired'").await;
        let (status, _, said) = follow(&world.process.url, &format!("{files}{path}")).await;
        assert!(status == StatusCode::NOT_FOUND && said.contains("no ticket that was moved has this file"), "{status}: {said}");
        world.sql("update mirror set phase = 'mirroring'").await;
        let report = world.check().await;
        assert!(report.at_parity(), "{way:?}: {:?}", report.lines());
    }
}

#[tokio::test]
async fn every_image_opens_in_the_new_desk_and_no_message_shows_a_file_of_the_old_one() {
    for way in WAYS {
        let mut world = way.world().begin().await;
        let ticket = world.source.open("Order one", "Where is it?");
        for name in ["ship", "boat"] {
            let (file, bytes) = (format!("{name}.png"), format!("\u{89}PNG {name}").into_bytes());
            let body = format!("<p>See <img src=\"cid:{file}\"> there.</p>");
            let files = vec![File { name: file, content_type: "image/png".into(), bytes, inline: true }];
            say(&world.source, &customer(), &ticket, true, Text { body, html: true, files });
        }
        world.copy().await;
        let copy = there(&world, &ticket).await;
        let mut shown = 0;
        for message in &copy.messages {
            let (Body::Html(text) | Body::Text(text)) = &message.body;
            assert!(!text.contains(&world.source.running.url), "{way:?}: {text}");
            let images: Vec<&str> = text.split("<img").skip(1).collect();
            for image in images {
                let id =
                    image.split(INLINE_SCHEME).nth(1).and_then(|rest| rest.split('"').next()).expect("a file of the message");
                let file = message.attachments.iter().find(|file| file.id.as_str() == id).expect("it is there");
                let download = world.process.course().target.download(file).await;
                assert!(download.is_ok(), "{way:?}: {file:?}");
                shown += 1;
            }
        }
        assert_eq!(shown, 2, "{way:?}");
    }
}

#[tokio::test]
async fn a_person_s_first_reply_in_the_new_desk_reaches_the_customer() {
    for way in WAYS {
        let mut world = way.world().begin().await;
        let ticket = world.source.open("Order one", "Where is it?");
        world.copy().await;
        let there = world.mirrored(&ticket).id;
        assert!(world.target.running.stage.mails().is_empty(), "{way:?}: the copy mails nobody");
        if !way.into_rt() {
            // As at the switch: the mailing triggers leave tickets with this tag alone.
            world.target.tag(&there, &[], &["tidegate_silent"]);
        }
        world.target.answer(&there, "It is on its way.");
        let mails = world.target.running.stage.mails();
        let told = mails.iter().any(|mail| mail.ticket == there && mail.to.contains(&customer().email));
        assert!(told, "{way:?}: {mails:?}");
        world.settle().await;
    }
}
