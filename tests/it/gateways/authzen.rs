//! AuthZEN in the shapes of COAZ-MCP: golden files. A file holds `adapters`, `path`, `request` and `answer`.

use serde_json::json;

use super::{compare, golden, pdp, stable};

#[tokio::test]
async fn golden_files() {
    for (path, file) in golden("authzen") {
        let pdp = pdp(file["adapters"].as_str().unwrap_or("")).await;
        let to = file["path"].as_str().unwrap_or("/access/v1/evaluation");
        let headers = [("content-type", "application/json")];
        let answer = pdp.send_with(http::Method::POST, to, &headers, &file["request"].to_string()).await;
        compare(&path, file, stable(json!({"status": answer.status.as_u16(), "body": answer.json()})));
    }
}
