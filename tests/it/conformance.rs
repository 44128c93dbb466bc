//! One suite, every vendor: the promises of `src/connectors/contract.rs`, each written once, held against each vendor's
//! simulated desk, and against a real Request Tracker where the environment names one (`tests/lab/up`).
//!
//! What a vendor cannot do is in its capabilities, and what the suite has to know of a desk (addresses, names of fields) in its
//! `Case`: a new vendor is one of these and one line at the end of this file.

mod case;
mod desk;
mod fates;
mod faults;
mod feed;
mod fields;
mod files;
mod messages;
mod people;
mod survey;
mod tickets;
mod webhooks;

macro_rules! tests {
    ($start:expr; $($room:ident::$promise:ident,)*) => {$(
        #[tokio::test]
        async fn $promise() {
            let Some(desk) = $start.await else { return };
            super::$room::$promise(&desk).await;
            desk.nobody_was_mailed();
        }
    )*};
}

macro_rules! vendor {
    ($name:ident, $start:expr) => {
        mod $name {
            use super::desk::Desk;

            tests! {
                $start;
                tickets::it_says_who_we_are,
                tickets::a_new_ticket_is_found_by_exactly_its_key,
                tickets::a_ticket_that_is_not_there_is_missing,
                tickets::a_ticket_has_an_address_a_stamp_and_our_acts,
                fields::the_schema_lists_every_field_with_its_values,
                fields::a_new_ticket_keeps_its_fields,
                fields::fields_change_and_nothing_else_does,
                fields::fields_can_be_cleared,
                fields::a_decision_on_an_old_version_is_not_written,
                fields::an_unknown_value_is_refused_or_told,
                messages::messages_keep_words_visibility_author_and_time,
                messages::messages_are_added_in_order,
                messages::a_message_is_found_by_exactly_its_key,
                messages::a_message_without_words_can_be_written,
                messages::silence_ends_when_it_is_ended,
                files::files_come_back_byte_for_byte,
                files::an_empty_file_is_carried_or_refused,
                files::a_file_over_the_limit_is_refused,
                files::images_in_the_text_stay_in_the_text,
                fates::links_are_made_and_removed,
                fates::our_key_can_be_put_on_a_ticket_later,
                fates::a_merged_ticket_says_where_it_went,
                fates::a_deleted_ticket_says_so,
                fates::a_message_is_restricted_as_claimed,
                fates::a_ticket_after_its_last_status_is_immutable_as_claimed,
                fates::a_follow_up_refers_to_the_ticket_before_it,
                people::a_person_is_found_by_address_in_any_spelling,
                people::a_person_can_be_without_address,
                people::a_suspended_person_stays_so,
                people::whom_we_made_is_removed_or_said_to_stay,
                people::an_agent_is_one,
                people::agents_are_told_and_customers_are_not,
                people::nobody_is_found_by_a_key_that_nobody_has,
                survey::it_tells_what_it_needs_of_us_and_what_stays_behind,
                survey::it_tells_its_rules_or_that_it_does_not_show_them,
                feed::a_change_after_the_cursor_is_seen,
                feed::a_change_that_is_committed_late_is_seen,
                feed::a_change_that_is_not_shown_yet_is_waited_for,
                feed::deletions_and_merges_are_seen_as_claimed,
                feed::the_listing_tells_every_ticket_once,
                webhooks::a_delivery_proves_itself_and_names_the_ticket,
                webhooks::a_webhook_is_registered_once_and_removed,
                faults::too_many_calls_are_throttled,
                faults::trouble_of_the_desk_leaves_it_unreachable,
                faults::a_wrong_credential_is_unauthorised,
                faults::an_answer_that_is_no_json_is_unreadable,
                faults::a_desk_that_does_not_answer_is_unreachable,
                faults::a_lost_answer_is_found_again,
            }
        }
    };
}

vendor!(zendesk, Desk::simulated(&super::case::ZENDESK));
vendor!(request_tracker, Desk::simulated(&super::case::REQUEST_TRACKER));
vendor!(real_request_tracker, Desk::real(&super::case::REAL_REQUEST_TRACKER));

mod zendesk_by_field {
    use super::desk::Desk;

    tests! {
        Desk::simulated(&super::case::ZENDESK_BY_FIELD);
        tickets::it_says_who_we_are,
        tickets::a_new_ticket_is_found_by_exactly_its_key,
        faults::a_wrong_credential_is_unauthorised,
        faults::a_lost_answer_is_found_again,
    }
}

mod request_tracker_untagged {
    use super::desk::Desk;

    tests! {
        Desk::simulated(&super::case::REQUEST_TRACKER_UNTAGGED);
        fields::a_new_ticket_keeps_its_fields,
        fields::fields_change_and_nothing_else_does,
        fields::fields_can_be_cleared,
    }
}
