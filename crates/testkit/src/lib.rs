//! Private servers, scripted receivers and waiting with a deadline, for tests.
