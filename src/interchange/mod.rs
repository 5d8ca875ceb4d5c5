//! Files of other tools: `.env` in its dialects, flat JSON, YAML and TOML, and what
//! services and shells read. Pure: what is read comes in as bytes.

pub mod read;
pub mod write;
