//! The statement (结算单): the wire answer for people, one module for each form.

mod text;

pub(crate) use self::text::render;
