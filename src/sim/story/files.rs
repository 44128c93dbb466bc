//! Files that people attach: real PNG images, tables, documents and raw bytes, with the names that people give them.

use rand::rngs::SmallRng;
use rand::{Rng, RngCore};

use super::pick;
use crate::sim::stage::File;

const TABLES: [&str; 4] = ["orders.csv", "Übersicht März.csv", "liste des écarts (v2).csv", "売上.csv"];
const PAPERS: [&str; 4] = ["invoice.pdf", "Rechnung Nr. 12 – Kopie.pdf", "請求書.pdf", "تقرير.pdf"];
const BLOBS: [&str; 4] = ["dump.bin", "firmware-1.2.3.img", "core dump 🔥.bin", "año_niño.dat"];
const PICTURES: [&str; 4] = ["screenshot.png", "Foto 📷.png", "画面.png", "capture d’écran.png"];

/// A file of any kind; one in fifty has some 100 KB.
pub fn attachment(dice: &mut SmallRng) -> File {
    match dice.random_range(0..4) {
        0 => file(pick::<&str>(dice, &TABLES), "text/csv", table(dice)),
        1 => file(pick::<&str>(dice, &PAPERS), "application/pdf", paper(dice)),
        2 => file(pick::<&str>(dice, &BLOBS), "application/octet-stream", blob(dice)),
        _ => file(pick::<&str>(dice, &PICTURES), "image/png", picture(dice)),
    }
}

/// An image for the text, with a name that is its own within a message.
pub fn inline_image(dice: &mut SmallRng, ordinal: usize) -> File {
    let name = format!("image{:03}.png", ordinal + 1);
    File { inline: true, ..file(&name, "image/png", picture(dice)) }
}

fn file(name: &str, content_type: &str, bytes: Vec<u8>) -> File {
    File { name: name.to_string(), content_type: content_type.to_string(), bytes, inline: false }
}

fn size(dice: &mut SmallRng) -> usize {
    match dice.random_range(0..100) {
        0..=1 => dice.random_range(100_000..400_000),
        2..=6 => dice.random_range(20_000..100_000),
        7..=30 => dice.random_range(2_000..20_000),
        31..=35 => dice.random_range(1..4),
        _ => dice.random_range(50..2_000),
    }
}

fn table(dice: &mut SmallRng) -> Vec<u8> {
    let least = size(dice);
    let mut text = String::from("id;name;amount\r\n");
    while text.len() < least {
        let (id, amount) = (dice.random::<u32>(), dice.random_range(0..100_000));
        text.push_str(&format!("{id};Größe \"{}\";{},{:02}\r\n", id % 97, amount / 100, amount % 100));
    }
    text.into_bytes()
}

fn paper(dice: &mut SmallRng) -> Vec<u8> {
    let mut bytes = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\nstream\n".to_vec();
    bytes.extend(blob(dice));
    bytes.extend_from_slice(b"\nendstream\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n");
    bytes
}

fn blob(dice: &mut SmallRng) -> Vec<u8> {
    let mut bytes = vec![0; size(dice)];
    dice.fill_bytes(&mut bytes);
    bytes
}

/// A valid PNG: 8-bit RGB, its pixels in stored (uncompressed) deflate blocks.
fn picture(dice: &mut SmallRng) -> Vec<u8> {
    let side = dice.random_range(4..40_u32);
    let (red, green, blue): (u8, u8, u8) = dice.random();
    let mut rows = Vec::new();
    for y in 0..side {
        rows.push(0);
        for x in 0..side {
            let shade = u8::try_from((x * y) % 256).unwrap_or(0);
            rows.extend_from_slice(&[red ^ shade, green.wrapping_add(shade), blue]);
        }
    }
    let mut header = Vec::new();
    header.extend_from_slice(&side.to_be_bytes());
    header.extend_from_slice(&side.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, *b"IHDR", &header);
    chunk(&mut png, *b"IDAT", &stored(&rows));
    chunk(&mut png, *b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).expect("a picture is small");
    let mut checked = kind.to_vec();
    checked.extend_from_slice(data);
    png.extend_from_slice(&length.to_be_bytes());
    png.extend_from_slice(&checked);
    png.extend_from_slice(&crc32(&checked).to_be_bytes());
}

fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let last = data.len().div_ceil(65_535).saturating_sub(1);
    for (at, block) in data.chunks(65_535).enumerate() {
        let length = u16::try_from(block.len()).expect("a block is at most 65,535 bytes");
        out.push(u8::from(at == last));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend_from_slice(&adler32(data).to_be_bytes());
    out
}

fn adler32(data: &[u8]) -> u32 {
    let (a, b) = data.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    (b << 16) | a
}

fn crc32(data: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !data.iter().fold(!0, step)
}
