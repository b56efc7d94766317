//! The counters that a target keeps of itself: where they are read, and what they are called.

mod docs;
mod exposition;
mod gpus;
mod read;
mod scraper;
mod vocabulary;

pub use docs::markdown;
pub use exposition::{Page, Sample, parse};
pub use gpus::{EXPORTERS, Exporter, Share};
pub use read::{Reading, read_page};
pub use scraper::{ScrapePlan, ScrapeSource, Scraped, Scraper, log_scrape};
pub use vocabulary::{ENGINES, Engine, Kind, QUANTITIES, Quantity};
