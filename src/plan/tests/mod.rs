//! Tests of plans: the reference's answers, ours where they differ, and that plans and decisions agree.
mod hostile;
mod reference;
mod safe;
mod soundness;
