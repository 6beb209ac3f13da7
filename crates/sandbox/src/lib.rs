//! A private Postgres and RabbitMQ from Debian's packages, in a directory and on ports of their own.
