// Maven: com.standardwebhooks:standardwebhooks
// Serves YOUR-ENDPOINT
import com.standardwebhooks.Webhook;
import com.standardwebhooks.exceptions.WebhookVerificationException;
import java.net.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.util.MultiValueMap;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;

@RestController
class Receive {
    private final Webhook webhook = new Webhook(System.getenv("WEBHOOK_SECRET"));

    @PostMapping("/webhooks")
    ResponseEntity<Void> receive(
            @RequestBody String body, @RequestHeader MultiValueMap<String, String> headers) {
        try {
            webhook.verify(body, HttpHeaders.of(headers, (name, value) -> true));
        } catch (WebhookVerificationException error) {
            return ResponseEntity.status(401).build();
        }
        putAway(body); // process later
        return ResponseEntity.ok().build(); // answer at once
    }
}
