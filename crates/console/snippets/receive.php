<?php
// composer require standard-webhooks/standard-webhooks
// Serves YOUR-ENDPOINT
require 'vendor/autoload.php';

$webhook = new \StandardWebhooks\Webhook(getenv('WEBHOOK_SECRET'));
$body = file_get_contents('php://input'); // the raw bytes
$headers = array_change_key_case(getallheaders());
try {
    $webhook->verify($body, $headers);
} catch (\StandardWebhooks\Exception\WebhookVerificationException $error) {
    http_response_code(401);
    exit;
}
put_away($body);         // process later
http_response_code(200); // answer at once
