use serde_json::json;

/// An error as vLLM answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub status: u16,
    pub kind: &'static str,
    pub param: Option<&'static str>,
    pub message: String,
    pub retry_after: Option<u64>,
}

impl ApiError {
    pub(super) fn bad_request(param: Option<&'static str>, message: String) -> ApiError {
        ApiError {
            status: 400,
            kind: "BadRequestError",
            param,
            message,
            retry_after: None,
        }
    }

    pub(super) fn no_model(name: &str, valid: &str) -> ApiError {
        ApiError {
            status: 404,
            kind: "NotFoundError",
            param: Some("model"),
            message: format!("The model `{name}` does not exist. Valid aliases: {valid}."),
            retry_after: None,
        }
    }

    pub(super) fn internal(message: &str) -> ApiError {
        ApiError {
            status: 500,
            kind: "InternalServerError",
            param: None,
            message: message.to_owned(),
            retry_after: None,
        }
    }

    pub(super) fn too_many(retry_after: u64) -> ApiError {
        ApiError {
            status: 429,
            kind: "TooManyRequestsError",
            param: None,
            message: "Too many requests".to_owned(),
            retry_after: Some(retry_after),
        }
    }

    /// The body, `{"error": …}`.
    pub(super) fn body(&self) -> String {
        json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.status,
        }})
        .to_string()
    }
}
