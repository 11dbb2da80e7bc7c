-- Whoever wrote is known again however their address is written: what is kept of it is as it came.
DROP INDEX intake.message_by_sender;
CREATE INDEX message_by_small_sender ON intake.message (lower(sender), number);
