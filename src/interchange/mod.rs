//! Files of other tools: `.env` in its dialects, flat JSON, YAML and TOML. Pure: what
//! is read comes in as bytes.

pub mod read;
