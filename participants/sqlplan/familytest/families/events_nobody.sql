SET search_path = tracking;
INSERT INTO kinds VALUES ('cpu', 'percent'), ('disk', 'bytes');
