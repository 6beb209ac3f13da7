# gem install sinatra standardwebhooks
# Serves YOUR-ENDPOINT
require "sinatra"
require "standardwebhooks"

webhook = StandardWebhooks::Webhook.new(ENV.fetch("WEBHOOK_SECRET"))

post "/webhooks" do
  body = request.body.read # the raw bytes
  headers = %w[id timestamp signature].to_h do |name|
    ["webhook-#{name}", request.get_header("HTTP_WEBHOOK_#{name.upcase}")]
  end
  begin
    webhook.verify(body, headers)
  rescue StandardWebhooks::WebhookVerificationError
    halt 401
  end
  put_away(body) # process later
  status 200     # answer at once
end
