-- Made for the organization when it signed up, and the product's own.
SET search_path = public;
INSERT INTO templates (id, organization_id, is_system, name) VALUES ({base} + 900, {tenant}, true, 'welcome');
